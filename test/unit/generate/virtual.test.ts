// What is refused of virtual merges, before any work; and what is left behind.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { recipeOf } from "../../../lib/generate/virtual/recipeOf.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { long } from "../../long.js";

const models = join(import.meta.dirname, "..", "..", "golden", "merge", "models");
const [base, tuned] = [join(models, "base"), join(models, "ft1")];
const recipe: Recipe = { merge_method: "linear", models: [{ model: base }, { model: tuned }], dtype: "bfloat16" };
const stock: Recipe = {
  merge_method: "model_stock",
  base_model: base,
  models: [{ model: tuned }, { model: join(models, "ft2") }],
  dtype: "bfloat16",
};

const refusals: readonly [string, string | Recipe, ModelOptions, object][] = [
  ["lambdas of a method that has none", stock, { lambdas: [0.3] }, { code: "USAGE" }],
  ["lambdas that are no numbers", recipe, { lambdas: [Number.NaN] }, { code: "USAGE" }],
  ["an empty list of lambdas", recipe, { lambdas: [] }, { code: "USAGE" }],
  ["lambdas of a folder", base, { lambdas: [0.3] }, { code: "USAGE" }],
  ["weights held of a folder", base, { hold: true }, { code: "USAGE" }],
  ["a fidelity of a folder", base, { fidelity: "exact" }, { code: "USAGE" }],
  ["an unknown fidelity", recipe, { lambdas: [0.3], fidelity: "good" as "exact" }, { code: "USAGE" }],
  ["an engine that cannot", recipe, { lambdas: [0.3], engine: "reference" }, { code: "USAGE" }],
  ["an engine that cannot, set up or not", recipe, { lambdas: [0.3], engine: "tensorflow" }, { code: "USAGE" }],
  ["a GPU that is required", recipe, { lambdas: [0.3], requireGpu: true }, { code: "USAGE" }],
  ["too little memory", recipe, { lambdas: [0.3], maxMemory: 1000 }, { code: "OUT_OF_MEMORY" }],
  ["a recipe without weights or lambdas", recipe, {}, { code: "BAD_RECIPE" }],
  [
    "models that do not fit",
    { ...recipe, models: [{ model: base }, { model: join(models, "..", "..", "models", "llama") }] } as Recipe,
    { lambdas: [0.3] },
    { code: "INCOMPATIBLE" },
  ],
];

describe("opening a recipe", () => {
  it.each(refusals)("refuses %s", async (_, source, options, error) => {
    await expect(openModel(source, options)).rejects.toMatchObject(error);
  });

  it("leaves no folder behind", async () => {
    const place = mkdtempSync(join(tmpdir(), "retemper-place-")); // other programs have their folders in the system's
    vi.stubEnv("TMPDIR", place);
    const model = await openModel(recipe, { lambdas: [0.3] });
    await expect(openModel(recipe, { lambdas: [0.3], maxMemory: 1000 })).rejects.toThrow();
    await model.close();
    expect(readdirSync(place)).toEqual([]);
    vi.unstubAllEnvs();
    rmSync(place, { recursive: true });
  });

  it("asks which one of several lambdas is meant", async () => {
    const model = await openModel(recipe, { lambdas: [0.3, 0.6] });
    await expect(model.logits([[1]])).rejects.toMatchObject({ code: "USAGE" });
    await model.close();
  });

  it("takes default fidelity from what the recipe stores", async () => {
    const exact = await openModel(recipe, { lambdas: [0.3] });
    const linear = await openModel({ ...recipe, dtype: "float32" } as Recipe, { lambdas: [0.3] });
    expect([exact.facts.fidelity, linear.facts.fidelity]).toEqual(["exact", "linear"]);
    await Promise.all([exact.close(), linear.close()]);
  });

  it("holds weights that are made once, and gives the same logits to the bit", async () => {
    const dare = {
      merge_method: "dare_ties",
      base_model: base,
      models: [{ model: tuned }],
      parameters: { density: 0.5 },
      dtype: "bfloat16",
    } as Recipe;
    const logitsOf = async (options: ModelOptions) => {
      const model = await openModel(dare, { lambdas: [0.3, 1], ...options });
      const hows = new Set(model.describe().tensors.map(({ how }) => how));
      const logits = [];
      for (const lambda of [0.3, 1]) logits.push(...(await model.logits([[1, 2, 3], [5]], { lambda })));
      await model.close();
      return { hows, logits };
    };
    const held = await logitsOf({ hold: true, seed: 7 });
    const made = await logitsOf({ seed: 7 });
    expect([held.hows.has("held"), made.hows.has("held")]).toEqual([true, false]);
    expect(held.logits).toEqual(made.logits);
    expect((await logitsOf({ hold: true, seed: 8 })).logits).not.toEqual(held.logits);
  });

  it.runIf(long)("refuses to hold weights that do not fit, counted for every lambda", async () => {
    const open = (lambdas: readonly number[]) => openModel(recipe, { lambdas, hold: true, maxMemory: 8e6 });
    await (await open([0.3])).close();
    // 67 kB in float32, half of it in bfloat16
    const many = Array.from({ length: 300 }, (_, at) => at / 300);
    await expect(open(many)).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
      message: expect.stringContaining("weights"),
    });
  });

  it("skips what is answered, by lambda, and says each piece's lambda", async () => {
    const model = await openModel(recipe, { lambdas: [0.3, 0.6] });
    const pieces = new Set<number | undefined>();
    const found = [];
    for await (const { index, lambda } of model.generate([[1], [2]], {
      maxNewTokens: 2,
      skip: ({ index, lambda }) => index === 0 && lambda === 0.3,
      onToken: ({ lambda }) => pieces.add(lambda),
    })) {
      found.push(`${index} ${lambda}`);
    }
    expect(found.sort()).toEqual(["0 0.6", "1 0.3", "1 0.6"]);
    expect([...pieces].sort()).toEqual([0.3, 0.6]);
    await model.close();
  });
});

describe("a source", () => {
  const folder = mkdtempSync(join(tmpdir(), "retemper-virtual-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is a recipe by its text, its ending or its adapter, and a model where it is a folder", () => {
    mkdirSync(join(folder, "a+b"));
    mkdirSync(join(folder, "model.json"));
    writeFileSync(join(folder, "recipe.yml"), "merge_method: linear");
    expect(recipeOf("merge_method: linear\n")).toBe("merge_method: linear\n");
    expect(recipeOf(join(folder, "recipe.yml"))).toBe(join(folder, "recipe.yml"));
    expect(recipeOf(join(folder, "model.json"))).toBeUndefined();
    expect(recipeOf(join(folder, "a+b"))).toBeUndefined();
    expect(recipeOf("org/name")).toBeUndefined();
    expect(recipeOf("org/name+org/adapter")).toEqual({
      merge_method: "passthrough",
      models: [{ model: "org/name+org/adapter" }],
    });
  });
});
