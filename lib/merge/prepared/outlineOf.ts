// A prepared method's recipe as a plain sum of its models: the output has these tensors, whatever is made for it. With it
// everything is checked that headers can tell, before anything is made.

import { mergedModels } from "../../recipe/references.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { cannot } from "../adapter/adapterPlan.js";
import { inexact } from "../adapter/scaledAdapter.js";
import { preparedMethod } from "./preparedMethods.js";
import { constant, sumRecipe } from "./sumRecipe.js";

/** @throws RetemperError USAGE for a method that cannot be prepared here */
export function outlineOf(recipe: ParsedRecipe): ParsedRecipe {
  preparedMethod(recipe.method).check?.(recipe);
  const tuned = recipe.modules.flatMap(({ slices }) => slices.flatMap(({ sources }) => sources));
  const further = [recipe.unalignedModel, recipe.safeModel].flatMap((model) => model ?? []);
  return sumRecipe(recipe, "task_arithmetic", [
    ...tuned.map(({ model }) => ({ model, weight: constant(1) })),
    ...further.map((model) => ({ model, weight: constant(1), optional: true })),
  ]);
}

/**
 * The sum that an adapter would have to hold, as it is where no module is gated: an adapter that is made has the same tensors.
 * @param kind "scaled": the fine-tuned model's adapter times lambda; "summed": the sum of adapters; "near": the nearest one of a rank
 * @throws RetemperError USAGE for what the method makes that such an adapter cannot hold
 */
export function asAdapter(recipe: ParsedRecipe, kind: "scaled" | "summed" | "near"): ParsedRecipe {
  const { adds, ordinary, check } = preparedMethod(recipe.method);
  check?.(recipe);
  if (adds && kind === "scaled") throw inexact(`${recipe.method} adds ${adds} of its own to the change of the adapter`);
  if (adds === "weights" && kind === "summed") throw cannot(`${recipe.method} makes weights of full rank`, false);
  const sum = ordinary(recipe, { models: {}, bytesWritten: 0 });
  // Made adapters go by the names of those that they stand for, which are there already.
  const named = new Map(mergedModels(recipe).map((model) => [model.text, model]));
  const modules = sum.modules.map((module) => ({
    ...module,
    slices: module.slices.map((slice) => ({
      ...slice,
      sources: slice.sources.map((source) => ({ ...source, model: named.get(source.model.text) ?? source.model })),
    })),
  }));
  return { ...sum, modules };
}
