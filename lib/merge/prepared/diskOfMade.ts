// What the inputs that a method makes take on the disk, from headers: at most, since what is kept of a change is known later.

import { matrixOf } from "../../plan/parts.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import type { Prepared } from "../prepare.js";
import { preparedMethod } from "./preparedMethods.js";
import { alignedModel, isAdapterOf } from "./theModels.js";
import type { OutlinedMatrix } from "./types.js";

/** @param tensors those of the output, or of the aligned model */
export function diskOfMade(
  recipe: ParsedRecipe,
  tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  models: Pick<Prepared["models"], "checkpoints">,
): number {
  const base = alignedModel(recipe);
  const sources = recipe.modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const tuned = sources.find(({ model }) => isAdapterOf(model, base))?.model;
  const effects = tuned && models.checkpoints.get(tuned.text)?.adapter?.effects;
  const matrices = [...tensors].flatMap(({ name, shape }): OutlinedMatrix[] => {
    if (shape.length < 2) return [];
    const effect = effects?.get(name);
    const rank = effects && (effect?.kind === "lowRank" ? effect.term.rank : 0);
    return [{ name, ...matrixOf(shape), rank }];
  });
  return preparedMethod(recipe.method).disk(recipe, matrices);
}
