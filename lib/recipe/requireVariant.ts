// Whether a recipe is another one with other parameters: then their merges can be made together, as those of a sweep are.

import { RetemperError } from "../errors.js";
import { sortKeys } from "./identity.js";
import type { ParsedRecipe } from "./types.js";

/**
 * Refuses a recipe that differs from another one in more than parameters.
 * @param place of the variant in its list, for the message
 * @throws RetemperError USAGE that says what differs
 */
export function requireVariant(recipe: ParsedRecipe, variant: ParsedRecipe, place: number): void {
  const [own, others] = [partsOf(recipe), partsOf(variant)];
  for (const [what, part] of Object.entries(own)) {
    if (JSON.stringify(sortKeys(part)) === JSON.stringify(sortKeys(others[what]))) continue;
    throw new RetemperError("USAGE", `variant ${place} has another ${what} than the recipe it is a variant of`, {
      file: variant.file,
      hint: "variants differ in their parameters only; open another model for another merge",
    });
  }
}

/** All that is no parameter, by what a message calls it. */
function partsOf(recipe: ParsedRecipe) {
  const { method, baseModel, unalignedModel, safeModel, modules, dtype, outDtype, tokenizer, chatTemplate } = recipe;
  const parts: Record<string, unknown> = {
    method,
    "base model": baseModel,
    "unaligned model": unalignedModel,
    "safe model": safeModel,
    "list of models": modules.map(({ name, whole, slices }) => ({
      ...{ name, whole },
      slices: slices.map((slice) => ({
        base: slice.baseModel,
        sources: slice.sources.map(({ model, layerRange }) => ({ model, layerRange })),
      })),
    })),
    dtype,
    out_dtype: outDtype,
    tokenizer,
    "chat template": chatTemplate,
  };
  return parts;
}
