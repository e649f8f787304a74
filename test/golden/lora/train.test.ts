// Training step for step as PEFT: losses, gradient norms, learning rates and final adapters of runs that PEFT made from the
// same first adapter and batches (test/golden/lora/train), and the logits of what was trained.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { readTensors } from "../../../lib/checkpoint/tensorFile.js";
import { widen } from "../../../lib/nn/engines/reference/widen.js";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneRow } from "../../../lib/tune/types.js";
import { casesOf } from "../../long.js";
import { casesOn, ENGINES } from "../generate/engines.js";

const HERE = new URL(".", import.meta.url).pathname;
const RUNS = [
  ...["llama_r8_clip1", "llama_r8_noclip", "llama_r8_lr1e-3_wd0.1_2epochs", "llama_r8_accum2", "llama_r4_rslora"],
  ...["llama_r4_dora", "llama3_r8_clip1", "qwen2_r8_clip1", "gemma2_r8_clip1"],
];
/** With and without what changes a step; unit/tune/operations.test.ts has other families. */
const FEW = ["llama_r8_accum2", "llama_r4_rslora", "llama_r4_dora", "gemma2_r8_clip1"];

function runOf(name: string) {
  const folder = join(HERE, "train", name);
  const json = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const rows = readFileSync(join(folder, "dataset.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ input_ids, prompt_length }): TuneRow => ({ inputIds: input_ids, promptLength: prompt_length }));
  return { folder, rows, run: json("run.json"), expected: json("expected.json") };
}

const tensors = (file: string) => readTensors(file, loadAddon(), widen);

for (const [engine, missing] of ENGINES) {
  describe.skipIf(missing)(`on ${engine}${missing ? `: ${missing}` : ""}`, () => {
  it.each(casesOn(engine, casesOf(RUNS, FEW), ["llama_r4_rslora"]))("trains as PEFT does: %s", async (name) => {
    const { folder, rows, run, expected } = runOf(name);
    const out = mkdtempSync(join(tmpdir(), "tune-"));
    try {
      const model = join(HERE, "../models", run.base.replace("models/", ""));
      const report = await tune(model, rows, join(out, "adapter"), {
        rank: run.r,
        alpha: run.lora_alpha,
        dropout: run.lora_dropout,
        targetModules: run.target_modules,
        rslora: run.use_rslora ?? false,
        dora: run.use_dora ?? false,
        learningRate: run.learning_rate,
        betas: run.adam_betas,
        epsilon: run.adam_epsilon,
        weightDecay: run.weight_decay,
        maxGradNorm: run.max_grad_norm ?? 0,
        schedule: run.lr_scheduler,
        warmupRatio: run.warmup_ratio,
        batchSize: run.batch_size,
        accumulate: run.gradient_accumulation_steps,
        epochs: run.epochs,
        shuffle: false,
        initFrom: join(folder, "init_A.safetensors"),
        engine,
        saveSteps: 0,
        threads: 1,
      });
      expect(report.steps.length).toBe(expected.loss.length);
      const worst = (key: string, values: readonly number[]) =>
        Math.max(...values.map((value, i) => Math.abs(value / expected[key][i] - 1)));
      expect(worst("loss", report.steps.map(({ loss }) => loss))).toBeLessThan(1e-5);
      expect(worst("grad_norm", report.steps.map(({ gradNorm }) => gradNorm))).toBeLessThan(2e-5);
      report.steps.forEach(({ learningRate }, i) => {
        expect(Math.abs(learningRate - expected.learning_rate[i])).toBeLessThan(1e-12);
      });
      const final = tensors(join(folder, "final/adapter_model.safetensors"));
      const ours = tensors(join(report.adapter, "adapter_model.safetensors"));
      const first = tensors(join(folder, "init_A.safetensors"));
      expect([...ours.keys()].sort()).toEqual([...final.keys()].sort());
      let error = 0;
      let movement = 0;
      let furthest = 0;
      for (const [key, { shape, values }] of final) {
        const got = ours.get(key);
        expect(got?.shape).toEqual(shape);
        const start = first.get(key)?.values;
        const isMagnitude = key.includes("magnitude");
        values.forEach((value, i) => {
          const off = (got?.values[i] as number) - value;
          furthest = Math.max(furthest, Math.abs(off));
          if (isMagnitude) return;
          error += off * off;
          movement += (value - (start?.[i] ?? 0)) ** 2;
        });
      }
      expect(furthest).toBeLessThan(0.05 * run.learning_rate);
      expect(Math.sqrt(error / movement)).toBeLessThan(1e-3);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
}
