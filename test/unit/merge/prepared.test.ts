// What a method that is prepared becomes: sums with weights, and the gates that decide them.

import { describe, expect, it } from "vitest";
import { decideGates } from "../../../lib/merge/prepared/decideGates.js";
import { preparedMethod } from "../../../lib/merge/prepared/preparedMethods.js";
import { gatedWeight, weightOf } from "../../../lib/merge/prepared/sumRecipe.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { METHODS, type MethodName } from "../../../lib/recipe/methods.js";
import { createParameterReader } from "../../../lib/recipe/parameters.js";
import type { ParsedRecipe, RecipeModule, RecipeSlice, RecipeSource } from "../../../lib/recipe/types.js";

const recipeOf = (method: string, parameters: string) =>
  parseRecipe(
    `merge_method: ${method}\nbase_model: a\nunaligned_model: u\nsafe_model: a+s\nmodels: [{model: a+f}]\nparameters: ${parameters}\n`,
  );

/** The weights that a tensor has in an ordinary recipe, by model. */
function weightsIn(recipe: ParsedRecipe, tensor: string, t: number): Record<string, number> {
  const [module] = recipe.modules as [RecipeModule];
  const [slice] = module.slices as [RecipeSlice];
  const reader = createParameterReader(recipe, module, slice);
  const weight = (source: RecipeSource) => reader.sourceNumber(source, "weight", tensor, t);
  return Object.fromEntries(slice.sources.map((source) => [source.model.text, weight(source)]));
}

const none = { models: {}, bytesWritten: 0 };
const up = "model.layers.1.mlp.up_proj";

describe("a method that is prepared", () => {
  it("becomes a sum, in which a parameter's filters and gradients stay", () => {
    const recipe = recipeOf("resta", "{gamma: [0, 1], lambda: [{filter: mlp, value: .25}]}");
    const sum = preparedMethod("resta").ordinary(recipe, none);
    expect([sum.method, sum.baseModel?.text, sum.unalignedModel]).toEqual(["task_arithmetic", "a", undefined]);
    expect(weightsIn(sum, `${up}.weight`, 0.5)).toEqual({ "a+f": 0.25, u: -0.5 });
    expect(weightsIn(sum, "model.norm.weight", 0)).toEqual({ "a+f": 1, u: 0 });
  });

  it("drops values of V wherever any filter or layer has a density below 1", () => {
    const methodOf = (density: string) =>
      preparedMethod("resta").ordinary(recipeOf("resta", `{density: ${density}}`), none).method;
    expect(methodOf("[{filter: mlp, value: 1}, {value: .5}]")).toBe("dare_linear");
    expect(methodOf("[{filter: mlp, value: .5}]")).toBe("dare_linear");
    expect(methodOf("[1, .5]")).toBe("dare_linear");
    expect(methodOf("[1, 1]")).toBe("task_arithmetic");
    expect(methodOf("[{filter: mlp, value: 1}, {value: 1}]")).toBe("task_arithmetic");
  });

  it("rounds once, at the end, to what the recipe stores", () => {
    const dtypes = (text: string) => {
      const { dtype, outDtype } = preparedMethod("resta").ordinary(
        parseRecipe(recipeOf("resta", "{}").text + text),
        none,
      );
      return [dtype, outDtype];
    };
    expect(dtypes("dtype: bfloat16\n")).toEqual([undefined, "bfloat16"]);
    expect(dtypes("dtype: float32\nout_dtype: float16\n")).toEqual(["float32", "float16"]);
    expect(dtypes("")).toEqual([undefined, undefined]);
  });

  it("has a weight by module where it has gates", () => {
    const gates = [
      { module: up, rho: 0.1, gated: true },
      { module: `vision.${up}`, rho: 0.9, gated: false },
    ];
    const recipe = recipeOf("safemerge", "{alpha: .25, lambda: [{filter: up_proj, value: .5}, {value: 1}]}");
    const sum = preparedMethod("safemerge").ordinary(recipe, { ...none, gates });
    expect(weightsIn(sum, `${up}.weight`, 0)).toEqual({ "a+f": 0.375, "a+s": 0.125 });
    expect(weightsIn(sum, `vision.${up}.weight`, 0)).toEqual({ "a+f": 0.5, "a+s": 0 });
    expect(weightsIn(sum, "model.layers.1.mlp.down_proj.weight", 0)).toEqual({ "a+f": 1, "a+s": 0 });
    expect(gatedWeight(recipe, [], 0, 1)).toEqual(weightOf(recipe, "lambda"));
  });

  it("is there for every method whose record says that it is prepared, and for no other", () => {
    const names = Object.keys(METHODS) as MethodName[];
    expect(names.filter((name) => preparedMethod(name))).toEqual(names.filter((name) => METHODS[name].prepared));
    expect(names.some((name) => METHODS[name].prepared)).toBe(true);
  });
});

describe("gates", () => {
  const modules = [0.5, 0.2, 0.2, -0.1, 0].map((rho, at) => ({
    weight: { name: `m${at}.weight` } as never,
    rho,
    judged: at < 4,
  }));
  const gated = (rule: Parameters<typeof decideGates>[1]) =>
    decideGates(modules, rule).flatMap(({ module, gated: is }) => (is ? [module] : []));

  it("hold at the threshold for Safe LoRA, and below it for SafeMERGE", () => {
    expect(gated({ kind: "at most", threshold: 0.2 })).toEqual(["m1", "m2", "m3"]);
    expect(gated({ kind: "below", threshold: 0.2 })).toEqual(["m3"]);
  });

  it("of a number take all that have the number-th smallest cosine, and never what has no direction", () => {
    expect(gated({ kind: "lowest", number: 1 })).toEqual(["m3"]);
    expect(gated({ kind: "lowest", number: 2 })).toEqual(["m1", "m2", "m3"]);
    expect(gated({ kind: "lowest", number: 99 })).toEqual(["m0", "m1", "m2", "m3"]);
    expect(gated({ kind: "at most", threshold: 1 })).not.toContain("m4");
    expect(decideGates([], { kind: "lowest", number: 1 })).toEqual([]);
  });
});
