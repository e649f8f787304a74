// The distributions that tokens are drawn from, against transformers' on the golden models, and against a slow reference that
// sorts everything.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { penalizeRepetition } from "../../../../lib/generate/sampling/penalizeRepetition.js";
import { topValues } from "../../../../lib/generate/sampling/topK.js";
import { nucleusCut } from "../../../../lib/generate/sampling/topP.js";
import { type WarpSettings, warp } from "../../../../lib/generate/sampling/warp.js";
import { readCheckpoint } from "../../../e2e/mergeModels.js";
import fc from "../../../properties.js";

const models = fileURLToPath(new URL("../../../golden/models", import.meta.url));
const NAMES = ["llama", "llama3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2"];

/** Ids and weights of the candidates. */
function candidates(logits: Float32Array, settings: WarpSettings): [ids: number[], weights: number[], total: number] {
  const { ids, weights, count, total } = warp(logits, settings);
  return [[...ids.subarray(0, count)], [...weights.subarray(0, count)], total];
}

/** Probabilities of all tokens. */
function probabilities(logits: Float32Array, settings: WarpSettings): number[] {
  const [ids, weights, total] = candidates(logits, settings);
  const all = new Array<number>(logits.length).fill(0);
  for (const [place, id] of ids.entries()) all[id] = (weights[place] as number) / total;
  return all;
}

function expectSame(ours: readonly number[], theirs: readonly number[]): void {
  expect(ours.map((p) => p > 0)).toEqual(theirs.map((p) => p > 0));
  for (const [id, p] of theirs.entries()) expect(Math.abs((ours[id] as number) - p)).toBeLessThan(2e-5);
}

describe.each(NAMES)("the logits of the golden %s", (name) => {
  const tensors = readCheckpoint(join(models, name), "expected.safetensors");
  const values = (tensor: string): Float32Array => Float32Array.from(tensors.get(tensor)?.values ?? []);
  const prompts = JSON.parse(readFileSync(join(models, name, "prompts.json"), "utf8")) as number[][];
  const logits = values("last_logits");
  const vocabulary = logits.length / 5;
  const row = (all: Float32Array, prompt: number): Float32Array =>
    all.slice(prompt * vocabulary, (prompt + 1) * vocabulary);

  it("are penalised as by transformers", () => {
    for (const [prompt, ids] of prompts.entries()) {
      const own = row(logits, prompt);
      penalizeRepetition(own, new Set(ids), 1.2);
      expect(own).toEqual(row(values("rep12_logits"), prompt));
    }
  });

  it("have transformers' probabilities after temperature, top-k and top-p", () => {
    const expected = values("warp_t0.6_k50_p0.9");
    for (const prompt of prompts.keys()) {
      const ours = probabilities(row(logits, prompt), { temperature: 0.6, topK: 50, topP: 0.9 });
      expectSame(ours, [...row(expected, prompt)]);
    }
    const second = row(logits, 2);
    expectSame(probabilities(second, { temperature: 0.8, topK: 0, topP: 0.5 }), [...values("warp_t0.8_k0_p0.5_p2")]);
    expectSame(probabilities(second, { temperature: 1.3, topK: 5, topP: 1 }), [...values("warp_t1.3_k5_p1.0_p2")]);
  });
});

/** What transformers does, step by step: sorts all, counts up, and keeps the likeliest. */
function reference(logits: Float32Array, { temperature, topK, topP }: WarpSettings): number[] {
  const scaled = logits.map((logit) => logit / Math.fround(temperature));
  const sorted = scaled.toSorted().reverse();
  const least = topK > 0 ? (sorted[Math.min(topK, sorted.length) - 1] as number) : Number.NEGATIVE_INFINITY;
  const kept = Array.from(scaled, (logit) => (logit >= least ? logit : Number.NEGATIVE_INFINITY));
  const most = sorted[0] as number;
  const weights = kept.map((logit) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (topP < 1) {
    const order = [...weights.keys()].sort((x, y) => (weights[x] as number) - (weights[y] as number) || x - y);
    let sum = 0;
    for (const id of order.slice(0, -1)) {
      sum += weights[id] as number;
      if (Math.fround(sum / total) <= Math.fround(1 - topP)) weights[id] = 0;
    }
  }
  const left = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / left);
}

/** Logits with many equal ones. */
const someLogits = fc
  .array(fc.integer({ min: -12, max: 12 }), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values, (value) => value / 2));
const someSettings = fc.record({
  temperature: fc.constantFrom(0.1, 0.6, 1, 1.3, 7),
  topK: fc.integer({ min: 0, max: 70 }),
  topP: fc.constantFrom(1, 0.95, 0.9, 0.5, 0.1, 1e-6),
});

describe("warping", () => {
  it("keeps what sorting everything keeps, ties included", () => {
    fc.assert(
      fc.property(someLogits, someSettings, (logits, settings) => {
        expectSame(probabilities(logits, settings), reference(logits, settings));
      }),
      { numRuns: 3000 },
    );
  });

  it("keeps the same of many tokens, where most go without being looked at twice", () => {
    const logits = Float32Array.from({ length: 5000 }, (_, id) => 4 * Math.sin(id * 12.9898) + (id % 7) / 3);
    for (const topP of [0.99, 0.9, 0.5, 0.01]) {
      for (const temperature of [0.3, 1, 5]) {
        const settings = { temperature, topK: 0, topP };
        expectSame(probabilities(logits, settings), reference(logits, settings));
      }
    }
    const flat = new Float32Array(5000);
    const kept = probabilities(flat, { temperature: 1, topK: 0, topP: 0.9 }).flatMap((p, id) => (p > 0 ? id : []));
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([4500, 500, 4999]);
  });

  it("is greedy at a temperature next to nothing", () => {
    expect(probabilities(Float32Array.of(1, 5, 3), { temperature: 1e-42, topK: 0, topP: 1 })).toEqual([0, 1, 0]);
  });

  it("leaves the logits as they are", () => {
    const logits = Float32Array.of(3, 1, 2);
    warp(logits, { temperature: 0.5, topK: 2, topP: 0.5 });
    expect(logits).toEqual(Float32Array.of(3, 1, 2));
  });

  it("keeps at least one token", () => {
    for (const settings of [
      { temperature: 1, topK: 1, topP: 1e-9 },
      { temperature: 0.01, topK: 0, topP: 1e-9 },
    ]) {
      expect(candidates(Float32Array.of(1, 5, 3), settings)[0]).toEqual([1]);
    }
  });

  it("keeps all tokens that are as likely as the k-th", () => {
    const [ids] = candidates(Float32Array.of(2, 1, 2, 2, 0), { temperature: 1, topK: 2, topP: 1 });
    expect(ids).toEqual([0, 2, 3]);
  });

  it("never draws a token whose logit is NaN or minus infinity", () => {
    const logits = Float32Array.of(Number.NaN, 1, Number.NEGATIVE_INFINITY, 0);
    for (const topK of [0, 3]) {
      const settings = { temperature: 1, topK, topP: 1 };
      expect(probabilities(logits, settings).map((p) => p > 0)).toEqual([false, true, false, true]);
    }
    expect(probabilities(logits, { temperature: 1, topK: 2, topP: 0.99 }).map((p) => p > 0)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it("refuses logits of which none is finite, or one is infinite", () => {
    const settings = { temperature: 1, topK: 0, topP: 1 };
    const refused = expect.objectContaining({ code: "BAD_INPUT", message: expect.stringContaining("finite") });
    expect(() => warp(Float32Array.of(Number.NaN, Number.NaN), settings)).toThrow(refused);
    expect(() => warp(Float32Array.of(1, Number.POSITIVE_INFINITY), settings)).toThrow(refused);
    expect(() => warp(Float32Array.of(), settings)).toThrow(refused);
  });
});

describe("the largest and the k-th largest value", () => {
  it("are those of the sorted values", () => {
    fc.assert(
      fc.property(someLogits, fc.integer({ min: 1, max: 70 }), (values, k) => {
        const sorted = values.toSorted().reverse();
        expect(topValues(values, k)).toEqual({ most: sorted[0], least: sorted[Math.min(k, sorted.length) - 1] });
      }),
    );
  });
});

describe("the cut of top-p", () => {
  it("leaves the likeliest of equals with the highest id", () => {
    expect(nucleusCut(Float64Array.of(1, 1, 1), { total: 3, gone: 0, topP: 1e-9 })).toEqual({ weight: 1, equals: 2 });
  });

  it("takes nothing where the least likely is already too likely to go", () => {
    const cut = nucleusCut(Float64Array.of(1, 2), { total: 3, gone: 0, topP: 0.9 });
    expect([1, 2].filter((weight) => weight < cut.weight)).toEqual([]);
    expect(cut.equals).toBe(0);
  });
});
