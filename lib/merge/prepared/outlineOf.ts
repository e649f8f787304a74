// A prepared method's recipe as a plain sum of its models: the output has these tensors, whatever is made for it. With it
// everything is checked that headers can tell, before anything is made.

import { mergedModels } from "../../recipe/references.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { preparedMethod } from "./preparedMethods.js";
import { constant, sumRecipe } from "./sumRecipe.js";

/** @throws RetemperError USAGE for a method that cannot be merged yet */
export function outlineOf(recipe: ParsedRecipe): ParsedRecipe {
  preparedMethod(recipe.method);
  const tuned = recipe.modules.flatMap(({ slices }) => slices.flatMap(({ sources }) => sources));
  const further = [recipe.unalignedModel, recipe.safeModel].flatMap((model) => model ?? []);
  return sumRecipe(recipe, "task_arithmetic", [
    ...tuned.map(({ model }) => ({ model, weight: constant(1) })),
    ...further.map((model) => ({ model, weight: constant(1), optional: true })),
  ]);
}

/** The sum that an adapter would have to hold, as it is where no module is gated: an adapter that is made has the same tensors. */
export function asAdapter(recipe: ParsedRecipe): ParsedRecipe {
  const sum = preparedMethod(recipe.method).ordinary(recipe, { models: {}, bytesWritten: 0 });
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
