// From a recipe whose method is prepared to an ordinary one over its models and the inputs that are made here.

import { METHODS } from "../../recipe/methods.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { madeOnce } from "./madeOnce.js";
import { preparedMethod } from "./preparedMethods.js";
import type { Preparation, PrepareOptions } from "./types.js";

/**
 * Makes what the recipe's method needs in a folder. Nothing is made for other methods: their recipe is ordinary already.
 * @param folder exists and is empty; the caller removes it once nothing reads what is in it
 * @throws RetemperError as a merge does; CANCELLED or the signal's reason
 */
export async function prepareTerms(
  recipe: ParsedRecipe,
  folder: string,
  options: PrepareOptions,
): Promise<Preparation> {
  if (!METHODS[recipe.method].prepared) return { recipe, models: {}, bytesWritten: 0, warnings: [] };
  options.signal?.throwIfAborted();
  const method = preparedMethod(recipe.method);
  const made = await madeOnce(recipe, folder, options, (place) => method.make(recipe, place, options));
  return { ...made, recipe: method.ordinary(recipe, made), warnings: made.warnings ?? [] };
}
