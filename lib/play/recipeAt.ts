// The recipe that a page shows, at the point that it shows: what `retemper merge` writes.

import { recipeOf } from "../generate/virtual/recipeOf.js";
import { loadRecipe } from "../recipe/load.js";
import { withWeights } from "../recipe/modelWeights.js";
import type { Recipe } from "../recipe/types.js";
import { LAMBDAS, suppliedBy, withSettings } from "../recipe/vary.js";
import { ApiError } from "../serve/apiError.js";
import type { PlayPoint } from "./types.js";

/** @throws ApiError 400; RetemperError BAD_RECIPE for a lambda that the method does not have */
export async function recipeAt(source: string | Recipe | undefined, { lambda, weights }: PlayPoint): Promise<string> {
  const written = source === undefined ? undefined : recipeOf(source);
  if (written === undefined) throw new ApiError(400, "this model is no recipe", { param: "point" });
  const recipe = await loadRecipe(written, { supplied: suppliedBy([LAMBDAS]) });
  if (weights !== undefined) return withWeights(recipe, weights).text;
  return lambda === undefined ? recipe.text : withSettings(recipe, { [LAMBDAS]: lambda }).text;
}
