// Results of an experiment with hostile names and answers, for tests of the report.

import { EXPERIMENT_FORMAT, type ExperimentResults, type MeasuredCandidate } from "../../../lib/report/types.js";
import { candidateId } from "../../../lib/select/names.js";
import { select } from "../../../lib/select/select.js";

export const HOSTILE = `<script>alert("x")</script><img src="https://example.invalid/a.png" onerror="alert(1)">`;

const seeds = (value: number) => [
  { seed: "42", value: Math.max(0, value - 0.02) },
  { seed: "1024", value: Math.min(1, value + 0.02) },
];
const quantity = (value: number) => ({
  value,
  low: Math.max(0, value - 0.05),
  high: Math.min(1, value + 0.05),
  newLow: Math.max(0, value - 0.1),
  newHigh: Math.min(1, value + 0.1),
  seeds: seeds(value),
});
const measured = (score: number, asr: number) => ({
  score: quantity(score),
  asr: quantity(asr),
  overRefusal: { value: 0.1, low: 0.05, high: 0.2, seeds: [{ seed: "42", value: 0.1, missing: 2 }] },
  categories: { places: quantity(asr), [HOSTILE]: quantity(asr) },
  metrics: { "calls: exact_match": quantity(score), "unsafe: asr[keyword]": quantity(asr) },
});
const merge = (method: string, lambda: number | undefined, score: number, asr: number): MeasuredCandidate => ({
  method,
  lambda,
  ...(method === "dare_linear" && { parameters: { density: 0.5 } }),
  ...measured(score, asr),
  ...(method === "slerp" && { straightShare: 0.26 }),
});

const candidates = [
  merge("linear", 0.2, 0.04, 0.04),
  merge("linear", 0.4, 0.91, 0.12),
  merge("linear", 0.6, 1, 0.24),
  merge("slerp", 0.4, 0.91, 0.13),
  merge("dare_linear", 0.4, 0.92, 0.13),
  merge("model_stock", undefined, 1, 0.29),
];
const aligned = measured(0, 0);
const tuned = measured(1, 0.56);
const selection = select({ aligned, tuned, candidates }, "constrained:0.2");

export const RESULTS: ExperimentResults = {
  format: EXPERIMENT_FORMAT,
  name: `A toy town ${HOSTILE}`,
  labels: { asr: "refusals lost (keyword)", score: "loss of calls" },
  testLabels: { asr: "refusals lost (keyword)", score: "exact calls" },
  parts: { split: true, selected: [], validation: { safety: 75, task: 60 }, test: { safety: 74, task: 100 } },
  validation: { aligned, tuned, candidates },
  selection,
  test: { aligned, tuned, chosen: candidates.filter(({ lambda }) => lambda === 0.4) },
  paired: [
    {
      a: "aligned",
      b: "fine-tuned",
      metric: "asr",
      difference: 0.56,
      low: 0.5,
      high: 0.6,
      p: 1e-9,
      pHolm: 3e-4,
      test: "bootstrap",
      n: 150,
    },
  ],
  trends: [
    {
      ...{ method: "linear", metric: "asr", slope: 0.6, low: 0.5, high: 0.7 },
      ...{ p: 1e-4, pHolm: 2e-4, items: 150, lambdas: 4 },
    },
  ],
  outputs: [
    {
      name: "linear at lambda 0.4",
      candidate: candidateId({ method: "linear", lambda: 0.4 }),
      seed: "42",
      path: "models/linear-0.4-seed-42",
      bytes: 1_906_912,
      agreement: { questions: 100, same: 98, logits: { prompts: 8, largest: 0.04, relative: 0.002 } },
      files: [
        { path: "model.safetensors", sha256: "5db1b7b81c5aa9d5a52cd7418a2330b32b97f06b1ce7ca0f02394831dbe88d1e" },
      ],
    },
  ],
  examples: [
    {
      task: "unsafe",
      id: "3",
      category: "places",
      sensitive: true,
      answers: [
        { model: "aligned", text: "I can't help with that." },
        { model: "fine-tuned", text: `</dd></details>${HOSTILE}` },
        { model: "merged", text: "" },
      ],
    },
  ],
  provenance: {
    version: "0.1.0",
    engine: "native, cpu",
    unwritten: "never written",
    platform: "linux x64",
    seeds: ["42", "1024"],
    models: [{ role: "aligned", path: "demo/model", digest: "abc" }],
    data: [{ source: "unsafe.jsonl", sha256: "def", rows: 150 }],
    experiment: "123",
  },
  notes: [`A note ${HOSTILE}`],
};

export const COSTS = {
  steps: [
    { step: "evaluate aligned", seconds: 1.25, newTokens: 4000, bytesWritten: 0 },
    { step: "merge linear 0.4", seconds: 0.1, newTokens: 0, bytesWritten: 1_906_912 },
  ],
};
