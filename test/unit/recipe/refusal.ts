// What a recipe is refused with, as plain data for the assertions of this folder.

import { RetemperError } from "../../../lib/errors.js";
import { parseRecipe, type RecipeOptions } from "../../../lib/recipe/load.js";

/** Parses a recipe that must be refused and returns its error. */
export function refusal(text: string, options: RecipeOptions & { file?: string } = {}): RetemperError {
  try {
    parseRecipe(text, options);
  } catch (error) {
    if (error instanceof RetemperError) return error;
    throw error;
  }
  throw new Error(`the recipe was accepted:\n${text}`);
}

/** `CODE line:column` */
export function placeOf(error: RetemperError): string {
  return `${error.code} ${error.line}:${error.column}`;
}
