// Recipes of methods made for safety: what they name, and what of that is refused.

import { describe, expect, it } from "vitest";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { METHODS } from "../../../lib/recipe/methods.js";
import { mergedModels } from "../../../lib/recipe/references.js";
import { SAFETY_METHODS } from "../../../lib/recipe/safetyMethods.js";
import { checkSettings, withSettings } from "../../../lib/recipe/vary.js";
import { refusal } from "./refusal.js";

const recipeOf = (method: string, more = "", unaligned = "unaligned_model: u\n") =>
  `merge_method: ${method}\nbase_model: a\n${unaligned}models: [{model: f}]\n${more}`;

describe("a recipe of a method made for safety", () => {
  it("names the models beside the base, each by its role", () => {
    const recipe = parseRecipe(recipeOf("safemerge", "safe_model: a+s\nparameters: {alpha: .3}\n"));
    expect(recipe.unalignedModel?.path).toBe("u");
    expect(recipe.safeModel).toMatchObject({ path: "a", lora: { path: "s" } });
    expect(mergedModels(recipe).map(({ text }) => text)).toEqual(["f", "a", "u", "a+s"]);
    expect(recipe.warnings).toEqual([]);
  });

  it("needs the models that its method reads, and warns of others", () => {
    expect(refusal(recipeOf("resta", "", "")).message).toMatch(/resta needs an `unaligned_model`/);
    expect(refusal(recipeOf("safemerge")).message).toMatch(/safemerge needs a `safe_model`/);
    expect(refusal(recipeOf("resta").replace("u\n", "a\n")).message).toMatch(/nothing is between the two/);
    const { warnings, ...linear } = parseRecipe(`${recipeOf("linear")}parameters: {weight: 1}\n`);
    expect(warnings).toEqual(["`unaligned_model` is not used by linear: it is ignored"]);
    expect(linear).not.toHaveProperty("unalignedModel");
  });

  it("has one fine-tuned model, or none for LoX", () => {
    expect(refusal(recipeOf("resta").replace("[{model: f}]", "[{model: f}, {model: g}]")).message).toMatch(
      /exactly 2 models/,
    );
    expect(refusal("merge_method: resta\nbase_model: a\nunaligned_model: u\n").message).toMatch(/`models`/);
    const alone = parseRecipe("merge_method: lox\nbase_model: a\nunaligned_model: u\nparameters: {k: 0}\n");
    expect(alone.modules).toEqual([
      { name: "", whole: true, slices: [{ sources: [], parameters: {} }], parameters: {} },
    ]);
  });

  it("merges whole models", () => {
    const slices = "slices: [{sources: [{model: a, layer_range: [0, 1]}, {model: f, layer_range: [0, 1]}]}]";
    expect(refusal(recipeOf("resta").replace("models: [{model: f}]", slices)).message).toMatch(
      /resta merges whole models/,
    );
  });

  it("has one threshold for all modules", () => {
    const both = refusal(recipeOf("safe_lora", "parameters: {threshold: .4, number: 3}\n"));
    expect(both.message).toMatch(/both say which modules are gated/);
    for (const value of ["[.1, .9]", "[{filter: mlp, value: .4}, {value: .5}]"]) {
      const { message } = refusal(recipeOf("safe_lora", `parameters: {threshold: ${value}}\n`));
      expect(message).toMatch(/`threshold` of safe_lora is one value for all tensors/);
    }
    expect(refusal(recipeOf("safe_lora", "parameters: {number: 0}\n")).message).toMatch(/1 or more/);
    const gradient = parseRecipe(
      recipeOf("resta", "parameters: {gamma: [0, 1], lambda: [{filter: mlp, value: .4}]}\n"),
    );
    expect(gradient.parameters.gamma).toEqual([{ value: [0, 1] }]);
  });

  it("takes a caller's lambda as its own", () => {
    const recipe = parseRecipe(recipeOf("safe_lora", "parameters: {lambda: 1}\n"));
    checkSettings(recipe, ["lambdas", "threshold"]);
    const point = withSettings(recipe, { lambdas: 0.25, threshold: 0.4 });
    expect(point.parameters).toEqual({ lambda: [{ value: 0.25 }], threshold: [{ value: 0.4 }] });
    expect(() => checkSettings(recipe, ["lambdas", "lambda"])).toThrow(/lambda sets the lambda of safe_lora/);
    const lox = parseRecipe("merge_method: lox\nbase_model: a\nunaligned_model: u\n");
    expect(() => checkSettings(lox, ["lambdas"])).toThrow(/lox has no lambda/);
  });

  it("has a method that declares its safe end for parameters of its own", () => {
    for (const [name, { safer, global, prepared }] of Object.entries(SAFETY_METHODS)) {
      expect(prepared, name).toBeDefined();
      for (const parameter of Object.keys(safer)) expect(Object.keys(global), name).toContain(parameter);
    }
    expect(METHODS.resta.safer?.gamma).toBe("larger");
    expect(METHODS.safe_lora.safer?.threshold).toBe("larger");
    expect(METHODS.safe_delta.safer?.s).toBe("smaller");
  });
});
