// A prepared method's recipe as a plain sum of its models: the output has these tensors, whatever is made for it. With it
// everything is checked that headers can tell, before anything is made.

import type { ParsedRecipe } from "../../recipe/types.js";
import { constant, sumRecipe } from "./sumRecipe.js";

export function outlineOf(recipe: ParsedRecipe): ParsedRecipe {
  const tuned = recipe.modules.flatMap(({ slices }) => slices.flatMap(({ sources }) => sources));
  const further = [recipe.unalignedModel, recipe.safeModel].flatMap((model) => model ?? []);
  return sumRecipe(recipe, "task_arithmetic", [
    ...tuned.map(({ model }) => ({ model, weight: constant(1) })),
    ...further.map((model) => ({ model, weight: constant(1), optional: true })),
  ]);
}
