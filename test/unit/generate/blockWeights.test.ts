// Weights that are put into blocks when a model is opened: the answers of the GGUF file of this quantisation, opened as it is
// stored, in every bit.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions, TensorDescription } from "../../../lib/generate/types.js";
import { merge } from "../../../lib/merge/merge.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../../../lib/plan/gguf/quantise.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";
import { opened } from "../../golden/generate/variants.js";
import { casesOf, long } from "../../long.js";

type BlockQuantisation = Exclude<GgufQuantisation, "f32" | "f16" | "bf16">;
const BLOCK_QUANTISATIONS = Object.keys(GGUF_QUANTISATIONS).filter((name) => name.includes("_")) as BlockQuantisation[];

const demo = join(import.meta.dirname, "../../../demo");
const model = join(demo, "model");
const tuned = `${model}+${join(demo, "adapters/seed-42")}`;
const folder = mkdtempSync(join(tmpdir(), "retemper-block-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUTS = [[1, 2, 3, 40, 5], [70, 8], Array.from({ length: 90 }, (_, i) => (i * 37) % 250)];

const logitsOf = (source: string | Recipe, options: ModelOptions) =>
  opened(source, options, (model) => model.logits(INPUTS));

/** Root of the sum of squares. */
function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let sum = 0;
  a.forEach((values, input) => {
    values.forEach((value, i) => {
      sum += (value - (b[input]?.[i] ?? Number.NaN)) ** 2;
    });
  });
  return Math.sqrt(sum);
}

let files = 0;
/** The only file of a merge. */
async function written(recipe: Recipe, quantise: BlockQuantisation, lambda?: number): Promise<string> {
  const out = join(folder, `${files++}`);
  await merge(recipe, out, { format: "gguf", quantise, lambda });
  return join(out, readdirSync(out).find((name) => name.endsWith(".gguf")) as string);
}

const alone = (source: string): Recipe => ({ merge_method: "passthrough", models: [{ model: source }] });

describe.each(casesOf<BlockQuantisation>(BLOCK_QUANTISATIONS, ["q4_k_m"]))("weights in %s", (weights) => {
  it("answer as the file of this quantisation does", async () => {
    const file = await written(alone(model), weights);
    expect(await logitsOf(model, { weights })).toEqual(await logitsOf(file, { weights: "asStored" }));
  });

  it("of a merge at one lambda answer as its file does", async () => {
    const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
    const file = await written(recipe, weights, 0.4);
    const made = await logitsOf(recipe, { weights, lambdas: [0.4] });
    expect(made).toEqual(await logitsOf(file, { weights: "asStored" }));
  });
});

/** Of other types, layouts and rows of no whole blocks, and heads of their own. */
const FAMILIES = ["llama", "gpt2", "llama3", "qwen2", "qwen3", "gemma", "phi3"] as const;
describe.each(casesOf<GoldenModel>(FAMILIES, ["gpt2"]))("weights of %s", (name) => {
  it.each(casesOf<BlockQuantisation>(["q8_0", "q4_0", "q4_k_m", "q6_k"], ["q4_k_m"]))(
    "in %s answer as their file does",
    async (weights) => {
      const source = modelFolder(name);
      const file = await written(alone(source), weights);
      expect(await logitsOf(source, { weights })).toEqual(await logitsOf(file, { weights: "asStored" }));
    },
  );
});

describe("weights in blocks", () => {
  it("are of the types that the file has, and say so", async () => {
    const { facts, tensors } = await opened(model, { weights: "q4_k_m" }, async (model) => ({
      facts: model.facts,
      tensors: model.describe().tensors,
    }));
    expect(facts.weights).toBe("q4_k_m");
    const typeOf = (part: string) =>
      new Set(tensors.filter(({ name }) => name.includes(part)).map(({ blocks }) => blocks));
    expect(typeOf("embed_tokens")).toEqual(new Set(["Q8_0"])); // the head too; rows of 128 are no whole blocks of 256
    expect(typeOf("norm")).toEqual(new Set([undefined]));
    const hows = (has: boolean) =>
      new Set(tensors.filter((one: TensorDescription) => (one.blocks !== undefined) === has).map(({ how }) => how));
    expect(hows(true)).toEqual(new Set(["blocks"]));
    expect(hows(false)).toEqual(new Set(["stored"]));
  });

  it("have the same bits on any number of threads", async () => {
    const [one, three] = [
      await logitsOf(model, { weights: "q4_k_m", threads: 1 }),
      await logitsOf(model, { weights: "q4_k_m", threads: 3 }),
    ];
    expect(three).toEqual(one);
  });

  it("of several lambdas are each its own file's with fidelity exact", async () => {
    const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
    const options: ModelOptions = { weights: "q8_0", lambdas: [0, 0.4, 1], fidelity: "exact" };
    const compared = casesOf([0.4, 1], [0.4]);
    const made = await opened(recipe, options, (model) =>
      Promise.all(compared.map((lambda) => model.logits(INPUTS, { lambda }))),
    );
    for (const [at, lambda] of compared.entries()) {
      const stored = await written(recipe, "q8_0", lambda);
      expect(made[at]).toEqual(await logitsOf(stored, { weights: "asStored" }));
    }
  });

  it("of several lambdas answer in one batch as each does alone, with fidelity exact", async () => {
    const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
    const lambdas = [0.2, 0.5, 0.8];
    await opened(recipe, { weights: "q4_k_m", lambdas, fidelity: "exact" }, async (model) => {
      // Rows of a step stand by prompt: those of a lambda are apart.
      const answers = async (lambda: readonly number[]) => {
        const all = [];
        for await (const one of model.generate(INPUTS, { lambda, maxNewTokens: 6, ignoreEos: true, logprobs: true })) {
          all.push(one);
        }
        return all.sort((a, b) => (a.lambda as number) - (b.lambda as number) || a.index - b.index);
      };
      const alone = [];
      for (const lambda of lambdas) alone.push(...(await answers([lambda])));
      expect(await answers(lambdas)).toEqual(alone);
    });
  });

  it("of several lambdas are the base's, with the adapter beside it as it is", async () => {
    const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
    const made = await opened(recipe, { weights: "q8_0", lambdas: [0, 0.4, 1] }, async (model) => ({
      facts: model.facts,
      hows: new Set(model.describe().tensors.map(({ how }) => how)),
      base: await model.logits(INPUTS, { lambda: 0 }),
      between: await model.logits(INPUTS, { lambda: 0.4 }),
    }));
    expect(made.facts.fidelity).toBe("linear");
    expect(made.hows).toEqual(new Set(["summed", "combined"]));
    expect(made.base).toEqual(await logitsOf(model, { weights: "q8_0" }));
    // As near to the merge as the quantised base is to the base.
    const plain = await logitsOf(recipe, { lambdas: [0.4], fidelity: "linear" });
    const base = await logitsOf(model, {});
    expect(distance(made.between, plain)).toBeLessThan(2 * distance(made.base, base));
    expect(distance(made.between, plain)).toBeLessThan(0.5 * distance(base, plain));
    const alone = await logitsOf(recipe, { weights: "q8_0", lambdas: [0.4], fidelity: "linear" });
    expect(made.between).toEqual(alone);
  });

  it.runIf(long)("of several lambdas have the adapter of an embedding beside its blocks", async () => {
    const base = modelFolder("llama");
    const adapter = join(import.meta.dirname, "../../golden/lora/adapters/embedding_lora");
    const recipe: Recipe = { merge_method: "linear", models: [{ model: base }, { model: `${base}+${adapter}` }] };
    const [start, end] = await opened(recipe, { weights: "q8_0", lambdas: [0, 1] }, async (model) => [
      await model.logits([[1, 2, 3, 40, 5]], { lambda: 0 }),
      await model.logits([[1, 2, 3, 40, 5]], { lambda: 1 }),
    ]);
    const of = (source: string | Recipe, options: ModelOptions) =>
      opened(source, options, (model) => model.logits([[1, 2, 3, 40, 5]]));
    const [quantised, plain, tuned] = [
      await of(base, { weights: "q8_0" }),
      await of(base, {}),
      await of(`${base}+${adapter}`, {}),
    ];
    expect(start).toEqual(quantised);
    expect(distance(end ?? [], tuned)).toBeLessThan(0.1 * distance(plain, tuned));
  });

  it("of several lambdas of two full models are those of each model", async () => {
    const other = join(folder, "other");
    await merge(alone(tuned), other);
    const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: other }] };
    const ends = await opened(recipe, { weights: "q4_0", lambdas: [0, 0.5, 1] }, async (model) => [
      await model.logits(INPUTS, { lambda: 0 }),
      await model.logits(INPUTS, { lambda: 1 }),
    ]);
    expect(ends[0]).toEqual(await logitsOf(model, { weights: "q4_0" }));
    expect(ends[1]).toEqual(await logitsOf(other, { weights: "q4_0" }));
  });

  it("take the memory of their blocks", async () => {
    /** What a model says that it needs, in MB, where there is room for its weights and not for a step. */
    const needed = async (options: ModelOptions) => {
      const error = await logitsOf(model, { ...options, threads: 1, maxMemory: 4.2e6 }).catch(
        (reason: Error) => reason,
      );
      return Number(/needs ([\d.]+) MB of memory for weights and one step/.exec(String(error))?.[1]);
    };
    expect((await needed({})) - (await needed({ weights: "q8_0" }))).toBeCloseTo((951_424 * (2 - 34 / 32)) / 1e6, 0);
  });

  it.each<[string, Parameters<typeof openModel>, RegExp]>([
    [
      "that are held decoded",
      [model, { weights: "q8_0", hold: true }],
      /hold keeps decoded weights, and weights: q8_0 has none/,
    ],
    ["by another name", [model, { weights: "q3_k" as "q4_0" }], /there are no weights q3_k/],
    ["on another engine", [model, { weights: "q8_0", engine: "tensorflow" }], /tensorflow cannot run/],
  ])("are refused %s", async (_, [source, options], message) => {
    await expect(openModel(source, options)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(message),
    });
  });

  it.runIf(long)("are refused of a family that GGUF files do not have", async () => {
    const source = modelFolder("mistral", { config: { model_type: "mixtral" } });
    await expect(openModel(source, { weights: "q8_0" })).rejects.toMatchObject({ code: "INCOMPATIBLE" });
  });
});
