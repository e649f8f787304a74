// Keys and values kept in 8 bits: near the answers of a float32 cache, the same bits however they are asked, in less memory.

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, ModelOptions } from "../../../lib/generate/types.js";
import { type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";
import { opened } from "../../golden/generate/variants.js";
import { casesOf } from "../../long.js";

const demo = join(import.meta.dirname, "../../../demo/model");
const INPUTS = [[1, 2, 3, 40, 5], [70, 8], Array.from({ length: 150 }, (_, i) => (i * 37) % 250)];

const logitsOf = (source: string, options: ModelOptions, inputs = INPUTS) =>
  opened(source, options, (model) => model.logits(inputs));

/** Root of the sum of squares, as a share of that of `b`. */
function apart(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [sum, all] = [0, 0];
  b.forEach((values, input) => {
    values.forEach((value, i) => {
      sum += ((a[input]?.[i] ?? Number.NaN) - value) ** 2;
      all += value ** 2;
    });
  });
  return Math.sqrt(sum / all);
}

async function answersOf(model: Model, prompts: readonly number[][], batch: number): Promise<readonly number[][]> {
  const answers: number[][] = [];
  for await (const { index, ids } of model.generate(prompts, { maxNewTokens: 12, batch, ignoreEos: true }))
    answers[index] = [...ids];
  return answers;
}

describe("a cache in 8 bits", () => {
  it("gives logits within 2 % of those of a float32 cache, and others than these", async () => {
    const distance = apart(await logitsOf(demo, { cache: "int8" }), await logitsOf(demo, {}));
    expect(distance).toBeLessThan(0.02);
    expect(distance).toBeGreaterThan(1e-5);
  });

  it.each(casesOf<GoldenModel>(["llama", "llama3", "gemma2", "qwen3", "gpt2", "phi3"], ["llama", "gemma2"]))(
    "does so with %s, and bfloat16 too",
    async (name) => {
      const inputs = [[1, 2, 3, 40, 5, 9, 11, 2, 7, 30]];
      const plain = await logitsOf(modelFolder(name), {}, inputs);
      expect(apart(await logitsOf(modelFolder(name), { cache: "int8" }, inputs), plain)).toBeLessThan(0.02);
      expect(apart(await logitsOf(modelFolder(name), { cache: "bfloat16" }, inputs), plain)).toBeLessThan(0.02);
    },
  );

  it("gives the same answers in any batch, on any number of threads, and where prompts begin alike", async () => {
    const start = Array.from({ length: 80 }, (_, i) => (i * 11) % 200);
    const prompts = [[...start, 5, 6], [...start, 7], [3, 4], [...start, 5, 6, 7, 8], [9]];
    const [together, single] = await opened(demo, { cache: "int8", threads: 3 }, async (model) => [
      await answersOf(model, prompts, 5),
      await answersOf(model, prompts, 2),
    ]);
    expect(single).toEqual(together);
    const alone = [];
    for (const prompt of prompts) {
      const one = (model: Model) => answersOf(model, [prompt], 1);
      alone.push(...(await opened(demo, { cache: "int8", threads: 1 }, one)));
    }
    expect(alone).toEqual(together);
    const facts = await opened(demo, { cache: "int8" }, async (model) => model.facts);
    expect(facts.cache).toBe("int8");
    const usual = await opened(demo, { cache: "float32" }, async (model) => model.facts);
    expect(usual.cache).toBeUndefined();
  });

  it("is counted as what it takes", async () => {
    /** Tokens of one prompt that fit, by the refusal of one that does not. */
    const fitting = async (options: ModelOptions) => {
      const limits = { ...options, threads: 1, maxMemory: 20e6 };
      const error = await opened(demo, limits, async (model) => {
        for await (const _ of model.generate([[1]], { maxNewTokens: 511, n: 400, batch: 400 })) break;
      }).catch((reason: Error) => reason);
      return Number(/(\d+) at once fit/.exec(String((error as { hint?: string }).hint))?.[1]);
    };
    const [whole, eight] = [await fitting({}), await fitting({ cache: "int8" })];
    // Of a head's key and value of 32: 256 bytes, and 64 with two scales of 4.
    expect(eight / whole).toBeGreaterThan(2.5);
    expect(eight).toBeLessThan(((whole + 1) * 256) / 72);
  });

  it("is refused by another name, and of another engine", async () => {
    await expect(openModel(demo, { cache: "q8_0" as "int8" })).rejects.toMatchObject({
      code: "USAGE",
      message: "cache must be float32, bfloat16, int8, not q8_0",
    });
    await expect(openModel(demo, { cache: "int8", engine: "reference" })).rejects.toMatchObject({ code: "USAGE" });
  });
});
