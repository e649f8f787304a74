// What the inputs that a method makes take, from headers: on the disk at most, since what is kept of a change is known later.

import { matrixOf } from "../../plan/parts.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import type { Prepared } from "../prepare.js";
import { preparedMethod } from "./preparedMethods.js";
import { alignedModel, isAdapterOf } from "./theModels.js";
import type { OutlinedMatrix, PrepareOptions, ReadingCost } from "./types.js";

/** Of the output, or of the aligned model. */
type Tensors = Iterable<{ readonly name: string; readonly shape: readonly number[] }>;
type Models = Pick<Prepared["models"], "checkpoints">;

export function diskOfMade(recipe: ParsedRecipe, tensors: Tensors, models: Models): number {
  return preparedMethod(recipe.method).disk(recipe, outlined(recipe, tensors, models));
}

/**
 * What a model reads for it, of a method that runs one on rows.
 * @throws RetemperError as `merge` does for these rows
 */
export async function readingCost(
  recipe: ParsedRecipe,
  tensors: Tensors,
  models: Models,
  options: PrepareOptions,
): Promise<ReadingCost | undefined> {
  return preparedMethod(recipe.method).reads?.(recipe, outlined(recipe, tensors, models), options);
}

function outlined(recipe: ParsedRecipe, tensors: Tensors, models: Models): OutlinedMatrix[] {
  const base = alignedModel(recipe);
  const sources = recipe.modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const tuned = sources.find(({ model }) => isAdapterOf(model, base))?.model;
  const effects = tuned && models.checkpoints.get(tuned.text)?.adapter?.effects;
  return [...tensors].flatMap(({ name, shape }): OutlinedMatrix[] => {
    if (shape.length < 2) return [];
    const effect = effects?.get(name);
    const rank = effects && (effect?.kind === "lowRank" ? effect.term.rank : 0);
    return [{ name, ...matrixOf(shape), rank }];
  });
}
