// Opens the models of a recipe made for safety by their roles, under the aligned model's names of tensors.

import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { spellAlike } from "../../plan/spellings.js";
import { mergedModels } from "../../recipe/references.js";
import type { ModelReference, ParsedRecipe } from "../../recipe/types.js";
import type { PrepareOptions } from "./types.js";

/** @returns what gives the checkpoint of a model that the recipe names */
export async function openRoles(
  recipe: ParsedRecipe,
  { addon, signal, models: named, transformersCache: cache }: PrepareOptions,
): Promise<(model: ModelReference) => Checkpoint> {
  const opened = new Map<string, Checkpoint>();
  for (const model of mergedModels(recipe)) {
    signal?.throwIfAborted();
    opened.set(model.text, await openCheckpoint(model, { addon, cache, named, decodes: true }));
  }
  const alike = spellAlike(recipe, opened);
  return ({ text }) => alike.get(text) as Checkpoint;
}
