// Every family's gradients on the native kernels against those of ordinary TensorFlow.js operations, which PEFT's runs
// check (test/golden/lora/train.test.ts). The first steps of Adam follow signs of gradients, which makes much of rounding:
// hence tolerances wider than there.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneOptions } from "../../../lib/tune/types.js";
import { casesOf, long } from "../../long.js";

const MODELS = new URL("../../golden/models/", import.meta.url).pathname;
const ALL = ["llama", "llama3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2"];
const FAMILIES = casesOf(ALL, ["gpt2"]); // PEFT's runs have gemma2 and llama
const rows = [
  { inputIds: [5, 9, 17, 3, 22, 41, 8, 77, 61, 90, 12, 33, 4, 15], promptLength: 4 },
  { inputIds: [44, 2, 7, 100, 31], promptLength: 2 },
  { inputIds: Array.from({ length: 21 }, (_, i) => (i * 37) % 300), promptLength: 3 },
];

async function losses(model: string, options: TuneOptions) {
  const folder = mkdtempSync(join(tmpdir(), "tune-"));
  try {
    const fast = {
      learningRate: 0.004,
      warmupRatio: 0,
      batchSize: 3,
      maxSteps: long ? 3 : 2,
      shuffle: false,
      saveSteps: 0,
      threads: 1,
    };
    const { steps } = await tune(join(MODELS, model), rows, join(folder, "out"), { ...fast, ...options });
    return steps;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const worst = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value / (b[i] as number) - 1)));

describe("training on native kernels", () => {
  it.each(FAMILIES)("goes as on ordinary operations: %s", async (model) => {
    const expected = await losses(model, { engine: "reference" });
    const kept = await losses(model, { engine: "native", keepActivations: true });
    const again = await losses(model, { engine: "native", keepActivations: false });
    expect(kept).toEqual(again);
    for (const key of ["loss", "gradNorm"] as const) {
      const difference = worst(
        again.map((step) => step[key]),
        expected.map((step) => step[key]),
      );
      expect(difference).toBeLessThan(key === "loss" ? 5e-5 : 2e-4);
    }
    expect(again.at(-1)?.loss).toBeLessThan(again[0]?.loss as number);
  });

  it("drops out the same inputs on every engine, and for the same seed only", async () => {
    const options = { dropout: 0.3, dora: true } as const;
    const expected = await losses("llama", { ...options, engine: "reference" });
    const native = await losses("llama", { ...options, engine: "native" });
    expect(
      worst(
        native.map(({ loss }) => loss),
        expected.map(({ loss }) => loss),
      ),
    ).toBeLessThan(1e-5);
    const other = await losses("llama", { ...options, engine: "native", seed: 43 });
    expect(other.map(({ loss }) => loss)).not.toEqual(native.map(({ loss }) => loss));
  });
});
