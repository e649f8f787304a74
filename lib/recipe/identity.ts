// What a recipe says, apart from how it is written: the same for texts that differ in comments, order or style.

import { createHash } from "node:crypto";
import type { ParsedRecipe } from "./types.js";

/** Lower-case sha256 of what a recipe means; texts that parse to the same recipe have the same one. */
export function recipeHash(recipe: ParsedRecipe): string {
  const { written: _written, text: _text, file: _file, warnings: _warnings, ...meaning } = recipe;
  return createHash("sha256")
    .update(JSON.stringify(sortKeys(meaning)))
    .digest("hex");
}

/** The value with the keys of every mapping in order, for hashing. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sortKeys(member)]),
  );
}
