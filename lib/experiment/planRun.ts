// What a run would do, with the bytes, tokens and time of each step; nothing is done but a few answers, to see how fast
// the model is.

import { resolve } from "node:path";
import type { Task } from "../evaluate/types.js";
import type { TextGenerator } from "../generate/types.js";
import { nameOf } from "../select/select.js";
import type { Candidate } from "../select/types.js";
import { check, writtenAtMost } from "./check.js";
import { loadExperiment } from "./load.js";
import { candidateOf, mergeSeries } from "./merges.js";
import { tunedModels } from "./run.js";
import type { Experiment } from "./schema.js";

export interface PlannedStep {
  readonly step: string;
  /** Bytes that are written and stay. */
  readonly bytes: number;
  /** New tokens at most; of a tuning, the tokens that are learned from. */
  readonly tokens: number;
  /** About, where the model answers to the longest; from a few answers of the aligned model. */
  readonly seconds: number;
}

export interface PlannedRun {
  readonly steps: readonly PlannedStep[];
  /** That the aligned model gave just now, in a small batch. */
  readonly tokensPerSecond: number;
}

/** A step of training computes a token about as often as three steps of reading a prompt, which reads faster than it writes. */
const TUNING_COST = 1;

/**
 * Says what a run would do, with the bytes, tokens and time of each step. Nothing is written; the aligned model gives a few
 * answers, to see how fast it is.
 * @throws RetemperError as `run` does, for all that is wrong before the start
 * @example
 * ```ts
 * import { type Experiment, planRun } from "retemper";
 *
 * const experiment: Experiment = {
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 * };
 * const { steps, tokensPerSecond } = await planRun(experiment, "results"); // or the path of an experiment.yml
 * const [first] = steps;
 * console.log(first?.step); // evaluate aligned, validation and test
 * console.log(tokensPerSecond > 0); // true
 * ```
 */
export async function planRun(
  experiment: string | Experiment,
  out: string,
  { signal, gate }: { readonly signal?: AbortSignal | undefined; readonly gate?: string | undefined } = {},
): Promise<PlannedRun> {
  const settings = await loadExperiment(experiment, { gate });
  const given = tunedModels(settings);
  let tokensPerSecond = 0;
  const checked = await check(settings, given, resolve(out), signal, async (model, tasks) => {
    if (settings.engine?.endpoint) return; // its server may not be there yet
    tokensPerSecond = await speedOf(model, [...tasks.safety, ...tasks.validation], signal);
  });
  await checked.close();
  const { safety, safetyTest, validation, test } = checked.tasks;
  const [first, last] = [tokensOf([...safety, ...validation]), tokensOf([...safetyTest, ...test])];
  const seeds = settings.tune?.seeds.map(String) ?? [];
  const tuned = settings.tune ? seeds.map((seed) => ({ seed, model: settings.aligned })) : given;
  const series = mergeSeries(settings, tuned);
  const written = writtenAtMost(settings, given);
  const step = (name: string, bytes: number, tokens: number, cost = 1): PlannedStep => ({
    step: name,
    bytes,
    tokens,
    seconds: tokensPerSecond > 0 ? (cost * tokens) / tokensPerSecond : 0,
  });
  return {
    tokensPerSecond,
    steps: [
      ...seeds.map((seed) => step(`tune seed ${seed}`, 0, checked.tunings.get(seed)?.tokens ?? 0, TUNING_COST)),
      step("evaluate aligned, validation and test", 0, first + last),
      ...(settings.unaligned === undefined ? [] : [step("evaluate unaligned, validation and test", 0, first + last)]),
      step(`evaluate ${tuned.length} fine-tuned, validation and test`, 0, tuned.length * (first + last)),
      ...(checked.labelled ? [step(`calibrate judges on ${checked.labelled.rows.length} labelled answers`, 0, 0)] : []),
      ...series.map((one) => {
        const { lambdas, merges } = one;
        const count = merges.length * (lambdas?.length ?? 1);
        return step(
          `evaluate ${count} ${nameOf(candidateOf(one, undefined) as Candidate)} virtual merges, validation`,
          0,
          count * first,
        );
      }),
      step(`write what is chosen, at most ${written}`, written * checked.bytesOfMerge, 0),
      step(`test what was written, at most ${written}`, 0, written * last),
    ],
  };
}

const [PROMPTS, TOKENS] = [8, 16];

/** New tokens a second of some prompts at once. */
async function speedOf(model: TextGenerator, tasks: readonly Task[], signal: AbortSignal | undefined): Promise<number> {
  const asked = tasks.filter(({ ask }) => ask === "generate");
  const prompts = asked.flatMap(({ items }) => items.slice(0, PROMPTS).map(({ prompt }) => prompt)).slice(0, PROMPTS);
  if (prompts.length === 0) return 0;
  let tokens = 0;
  const started = performance.now();
  for await (const { ids } of model.generate(prompts, { maxNewTokens: TOKENS, ignoreEos: true, signal })) {
    tokens += ids.length;
  }
  return (1000 * tokens) / (performance.now() - started);
}

function tokensOf(tasks: readonly Task[]): number {
  return tasks.reduce(
    (sum, { items, decoding }) => sum + items.length * (decoding.maxNewTokens ?? 0) * (decoding.samples ?? 1),
    0,
  );
}
