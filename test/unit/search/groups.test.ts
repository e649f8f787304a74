// Groups of tensors and the recipes of points: mergekit's filters, so that each tensor gets its group's coefficient.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Recipe } from "../../../lib/index.js";
import { parseWritten } from "../../../lib/recipe/load.js";
import { createParameterReader } from "../../../lib/recipe/parameters.js";
import type { RecipeSource } from "../../../lib/recipe/types.js";
import { groupsOf, recipeAt, rounded, type TensorGroup } from "../../../lib/search/groups.js";

const models = { aligned: "aligned", tuned: "tuned" };

function llama(layers: number) {
  const of = (name: string, shape: readonly number[] = [4, 4]) => ({ name, shape });
  const own = Array.from({ length: layers }, (_, at) => [
    of(`model.layers.${at}.input_layernorm.weight`, [4]),
    of(`model.layers.${at}.self_attn.q_proj.weight`),
    of(`model.layers.${at}.self_attn.o_proj.weight`),
    of(`model.layers.${at}.mlp.up_proj.weight`),
    of(`model.layers.${at}.mlp.down_proj.weight`),
  ]);
  return [of("model.embed_tokens.weight"), ...own.flat(), of("model.norm.weight", [4])];
}

/** The coefficient that the recipe gives to each tensor. */
function weightsOf(recipe: Recipe, names: readonly string[]): number[] {
  const parsed = parseWritten(recipe as never, { exists: () => true });
  const [module] = parsed.modules;
  const [slice] = module?.slices ?? [];
  if (!module || !slice) throw new Error("a recipe without slices");
  const reader = createParameterReader(parsed, module, slice);
  const tuned = slice.sources.find(({ model }) => model.text === "tuned") as RecipeSource;
  return names.map((name) => reader.sourceNumber(tuned, "weight", name, 0));
}

describe("the groups of a search", () => {
  it("put consecutive layers together, and part attention from MLP", () => {
    const groups = groupsOf(llama(6), { layers: 3, by: "kinds", outside: true });
    expect(groups.map(({ name }) => name)).toEqual([
      ...["layers 0-1 mlp", "layers 2-3 mlp", "layers 4-5 mlp"],
      ...["layers 0-1 attention", "layers 2-3 attention", "layers 4-5 attention", "all else"],
    ]);
    const names = ["model.layers.1.mlp.up_proj.weight", "model.layers.4.self_attn.q_proj.weight"];
    const rest = ["model.layers.3.input_layernorm.weight", "model.embed_tokens.weight", "model.norm.weight"];
    const recipe = recipeAt(models, groups, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
    expect(weightsOf(recipe, [...names, ...rest])).toEqual([0.1, 0.6, 0.5, 0.7, 0.7]);
  });

  it("are filters that mergekit reads so: the recipe of its reference merge is made here", () => {
    const golden = join(import.meta.dirname, "..", "..", "golden", "merge", "recipes", "search-groups.bf16.yml");
    const groups = groupsOf(llama(3), { layers: 4, by: "kinds", outside: true });
    const coefficients = rounded(groups.map((_, at) => 0.1 + (0.77 * at) / groups.length));
    const recipe = recipeAt({ aligned: "models/base", tuned: "models/ft1" }, groups, coefficients);
    expect(parse(readFileSync(golden, "utf8"))).toEqual({ ...recipe, dtype: "float32", out_dtype: "bfloat16" });
  });

  it("are as many as were asked for, also where the layers do not part evenly", () => {
    const of = (layers: number, count: number) =>
      groupsOf(llama(layers), { layers: count, by: "layers", outside: false }).map(({ filters }) => filters.length);
    expect(of(6, 4)).toEqual([1, 2, 1, 2]);
    expect(of(10, 4)).toEqual([2, 3, 2, 3]);
    expect(of(4, 4)).toEqual([1, 1, 1, 1]);
    expect(of(5, 1)).toEqual([5]);
  });

  it("tell layer 1 from layer 11, and take as many groups as there are layers at most", () => {
    const tensors = llama(12);
    const groups = groupsOf(tensors, { layers: 99, by: "layers", outside: false });
    expect(groups).toHaveLength(12);
    const coefficients = groups.map((_, at) => at / 20);
    const names = [1, 11, 0, 10].map((at) => `model.layers.${at}.mlp.up_proj.weight`);
    expect(weightsOf(recipeAt(models, groups, coefficients), names)).toEqual([0.05, 0.55, 0, 0.5]);
  });

  it("give each matrix of the layers its own, and what is outside of them the mean where it has none", () => {
    const groups = groupsOf(llama(2), { layers: 4, by: "tensors", outside: false });
    expect(groups).toHaveLength(8);
    const coefficients = groups.map((_, at) => at / 10);
    const recipe = recipeAt(models, groups, coefficients);
    expect(
      weightsOf(
        recipe,
        groups.map(({ filters }) => filters[0] as string),
      ),
    ).toEqual(coefficients);
    expect(weightsOf(recipe, ["model.embed_tokens.weight"])).toEqual([0.35]);
  });

  it("are layers where a model names no MLP, and none where it has no layers", () => {
    const odd = [0, 1].map((at) => ({ name: `blocks.${at}.mixer.weight`, shape: [2, 2] }));
    expect(groupsOf(odd, { layers: 2, by: "kinds", outside: false }).map(({ name }) => name)).toEqual([
      ...["layer 0", "layer 1"],
    ]);
    expect(() => groupsOf([{ name: "weight", shape: [2] }], { layers: 2, by: "kinds", outside: false })).toThrow(
      expect.objectContaining({ code: "INCOMPATIBLE" }),
    );
  });

  it("write one number where all coefficients are the same, so that the plain lambda is a plain recipe", () => {
    const groups: TensorGroup[] = groupsOf(llama(2), { layers: 2, by: "kinds", outside: true });
    expect(
      recipeAt(
        models,
        groups,
        groups.map(() => 0.4),
      ),
    ).toEqual({
      merge_method: "task_arithmetic",
      base_model: "aligned",
      models: [{ model: "tuned", parameters: { weight: 0.4 } }],
    });
    expect(rounded([0.123456, -0.00001, 1])).toEqual([0.1235, 0, 1]);
  });
});
