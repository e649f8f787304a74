// What openModel's source is: a model, or a recipe of a merge that is not to be written.

import { statSync } from "node:fs";
import { isRecipeText } from "../../recipe/load.js";
import { parseModelReference } from "../../recipe/modelReference.js";
import type { Recipe } from "../../recipe/types.js";

/**
 * The recipe that a source means; undefined where it is a model. A model with an adapter (`A+adapter`) is a recipe of one
 * model. What exists as a folder is a model, whatever its name.
 */
export function recipeOf(source: string | Recipe): string | Recipe | undefined {
  if (typeof source !== "string") return source;
  if (isRecipeText(source)) return source;
  const facts = statSync(source, { throwIfNoEntry: false });
  if (facts?.isDirectory()) return undefined;
  if (/\.(ya?ml|json)$/i.test(source)) return source;
  if (!facts && hasAdapter(source)) return { merge_method: "passthrough", models: [{ model: source }] };
  return undefined;
}

/** What is wrong with a reference is told when it is read as one. */
function hasAdapter(source: string): boolean {
  try {
    return parseModelReference(source).lora !== undefined;
  } catch {
    return source.includes("+");
  }
}
