// Dropout and weight decay as PEFT and torch have them: six steps with the same masks (test/golden/lora/makeDropout.py).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneRow } from "../../../lib/tune/types.js";
import { long } from "../../long.js";

const HERE = new URL(".", import.meta.url).pathname;
const RUN = join(HERE, "train", "llama_r8_clip1");

it.runIf(long).each(["native", "reference"] as const)("drops out and decays as PEFT does, on %s", async (engine) => {
  const wanted = JSON.parse(readFileSync(join(HERE, "dropout.json"), "utf8"));
  const { loss, gradNorm, steps, ...options } = wanted as Record<string, number> & Record<"loss" | "gradNorm", number[]>;
  const rows = readFileSync(join(RUN, "dataset.jsonl"), "utf8")
    .split("\n")
    .slice(0, steps)
    .map((line) => JSON.parse(line))
    .map(({ input_ids, prompt_length }): TuneRow => ({ inputIds: input_ids, promptLength: prompt_length }));
  const out = mkdtempSync(join(tmpdir(), "dropout-"));
  try {
    const report = await tune(join(HERE, "../models/llama"), rows, join(out, "adapter"), {
      ...{ ...options, engine, rank: 8, alpha: 16, batchSize: 1, epochs: 1, saveSteps: 0, threads: 1 },
      ...{ shuffle: false, schedule: "constant", warmupRatio: 0, initFrom: join(RUN, "init_A.safetensors") },
    });
    const worst = (ours: readonly number[], theirs: readonly number[]) =>
      Math.max(...ours.map((value, at) => Math.abs(value / (theirs[at] as number) - 1)));
    expect(report.steps.length).toBe(steps);
    expect(worst(report.steps.map((one) => one.loss), loss)).toBeLessThan(1e-5);
    expect(worst(report.steps.map((one) => one.gradNorm), gradNorm)).toBeLessThan(5e-5);
  } finally {
    rmSync(out, { recursive: true });
  }
});
