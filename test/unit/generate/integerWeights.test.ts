// Weights as whole numbers of 8 or 4 bits, made when a model is opened: of the model that a checkpoint with the dequantised numbers
// is, and of a merge what the written merge gives.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { merge } from "../../../lib/merge/merge.js";
import { INTEGER_WEIGHTS, type IntegerWeights } from "../../../lib/plan/integerWeights.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { readCheckpoint, writeModel } from "../../e2e/mergeModels.js";
import { type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";
import { opened } from "../../golden/generate/variants.js";
import { casesOf } from "../../long.js";

const demo = join(import.meta.dirname, "../../../demo");
const model = join(demo, "model");
const tuned = `${model}+${join(demo, "adapters/seed-42")}`;
const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }], dtype: "bfloat16" };
const folder = mkdtempSync(join(tmpdir(), "retemper-integer-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUTS = [[1, 2, 3, 40, 5], [70, 8], Array.from({ length: 90 }, (_, i) => (i * 37) % 250)];

const logitsOf = (source: string | Recipe, options: ModelOptions) =>
  opened(source, options, (model) => model.logits(INPUTS));

/** Root of the sum of squares, as a share of that of `b`. */
function apart(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let sum = 0;
  let all = 0;
  b.forEach((values, input) => {
    values.forEach((value, i) => {
      sum += ((a[input]?.[i] ?? Number.NaN) - value) ** 2;
      all += value ** 2;
    });
  });
  return Math.sqrt(sum / all);
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);
/** To nearest even, of a finite number. */
function toBfloat16(value: number): number {
  float[0] = value;
  const whole = bits[0] as number;
  bits[0] = (whole + 0x7fff + ((whole >>> 16) & 1)) & 0xffff0000;
  return float[0];
}
/** To nearest even. */
function toWhole(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/** By the formula: d = bfloat16(max |x| / most), q = x / d to nearest even, values d q. */
function dequantised(values: readonly number[], row: number, group: number, most: number): number[] {
  const result = values.map(() => 0);
  const size = Math.min(row, group);
  for (let at = 0; at < values.length; at += size) {
    let largest = 0;
    for (let i = at; i < at + size; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    const d = toBfloat16(Math.fround(largest / most));
    for (let i = at; i < at + size && d !== 0; i++) {
      const q = toWhole(Math.fround((values[i] as number) / d));
      result[i] = d * Math.max(-most, Math.min(most, q));
    }
  }
  return result;
}

const GROUPS: Readonly<Record<IntegerWeights, number>> = {
  int8: Number.POSITIVE_INFINITY,
  int4: 32,
  int4_64: 64,
  int4_128: 128,
};

/** The demo's model with the numbers that its matrices stand for in `weights`. */
function dequantisedModel(weights: IntegerWeights): string {
  const out = join(folder, `dequantised-${weights}`);
  cpSync(model, out, { recursive: true });
  const changed = [...readCheckpoint(model)].map(([name, { shape, values }]) => {
    if (shape.length < 2) return [name, { shape, values }] as const;
    const eight = weights === "int8" || name.includes("embed_tokens");
    const row = shape[1] as number;
    const made = dequantised(values, row, eight ? Number.POSITIVE_INFINITY : GROUPS[weights], eight ? 127 : 7);
    return [name, { shape, values: made }] as const;
  });
  return writeModel(out, Object.fromEntries(changed), JSON.parse(readFileSync(join(model, "config.json"), "utf8")));
}

describe.each(casesOf<IntegerWeights>(INTEGER_WEIGHTS, ["int8", "int4"]))("weights in %s", (weights) => {
  it("stand for the numbers that their formula gives", async () => {
    const made = await logitsOf(model, { weights });
    const reference = await logitsOf(dequantisedModel(weights), {});
    const plain = await logitsOf(model, {});
    // What rounding activations to 8 bits takes, and no more.
    expect(apart(made, reference)).toBeLessThan(0.02);
    expect(apart(made, reference)).toBeLessThan(apart(reference, plain));
  });

  it("of a merge are those of the written merge, opened with them", async () => {
    const out = join(folder, `merge-${weights}`);
    await merge(recipe, out, { lambda: 0.4 });
    const expected = await logitsOf(out, { weights });
    expect(await logitsOf(recipe, { weights, lambdas: [0.4] })).toEqual(expected);
    const several: ModelOptions = { weights, lambdas: [0, 0.4, 1], fidelity: "exact" };
    expect(await opened(recipe, several, (model) => model.logits(INPUTS, { lambda: 0.4 }))).toEqual(expected);
  });
});

describe("weights of whole numbers", () => {
  it("have the same bits on any number of threads and in any batch", async () => {
    const together = await logitsOf(model, { weights: "int4_64", threads: 3 });
    const alone = await opened(model, { weights: "int4_64", threads: 1 }, async (model) => {
      const all = [];
      for (const input of INPUTS) all.push(...(await model.logits([input])));
      return all;
    });
    expect(together).toEqual(alone);
  });

  it("of several lambdas are the base's, with the adapter beside it", async () => {
    const [base, end] = await opened(recipe, { weights: "int8", lambdas: [0, 1] }, async (model) => [
      await model.logits(INPUTS, { lambda: 0 }),
      await model.logits(INPUTS, { lambda: 1 }),
    ]);
    expect(base).toEqual(await logitsOf(model, { weights: "int8" }));
    expect(apart(end ?? [], await logitsOf(tuned, {}))).toBeLessThan(0.03);
  });

  it("keep eight bits for the embedding, and share scales among as many inputs as divide a row", async () => {
    const { facts, tensors } = await opened(model, { weights: "int4_128" }, async (model) => ({
      facts: model.facts,
      tensors: model.describe().tensors,
    }));
    expect(facts.weights).toBe("int4_128");
    const formats = (part: string) =>
      new Set(tensors.filter(({ name }) => name.includes(part)).map(({ blocks }) => blocks));
    expect(formats("embed_tokens")).toEqual(new Set(["INT8_128"]));
    expect(formats("_proj")).toEqual(new Set(["INT4_128"]));
    expect(formats("norm")).toEqual(new Set([undefined]));
  });

  it.each(casesOf<GoldenModel>(["gpt2", "phi3", "gemma", "qwen2"], ["gpt2"]))("are those of %s, too", async (name) => {
    const source = modelFolder(name);
    const inputs = [[1, 2, 3, 40, 5]];
    const of = (weights: IntegerWeights | undefined) => opened(source, { weights }, (model) => model.logits(inputs));
    const [plain, eight, four] = [await of(undefined), await of("int8"), await of("int4")];
    expect(apart(eight, plain)).toBeLessThan(0.05);
    expect(apart(eight, plain)).toBeLessThan(apart(four, plain));
    expect(apart(four, plain)).toBeLessThan(0.5);
  });

  it("are no quantisation of a file", async () => {
    await expect(
      merge(recipe, join(folder, "none"), { format: "gguf", quantise: "int8" as "q8_0", lambda: 0.4 }),
    ).rejects.toThrow(/GGUF files are not quantised to int8/);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});
