// The models that a recipe made for safety names, each by its role.

import { RetemperError } from "../../errors.js";
import { sameModel } from "../../recipe/modelReference.js";
import type { ModelReference, ParsedRecipe } from "../../recipe/types.js";

export function alignedModel(recipe: ParsedRecipe): ModelReference {
  return there(recipe, recipe.baseModel, "base_model");
}

export function unalignedModel(recipe: ParsedRecipe): ModelReference {
  return there(recipe, recipe.unalignedModel, "unaligned_model");
}

export function safeModel(recipe: ParsedRecipe): ModelReference {
  return there(recipe, recipe.safeModel, "safe_model");
}

/** The one model that is not the base. */
export function tunedModel(recipe: ParsedRecipe): ModelReference {
  const aligned = alignedModel(recipe);
  const sources = recipe.modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  return there(recipe, sources.find(({ model }) => !sameModel(model, aligned))?.model, "model beside the base");
}

/** True where a model is the base with an adapter on it, so that its change is that adapter. */
export function isAdapterOf(model: ModelReference, base: ModelReference): boolean {
  return (
    model.lora !== undefined && base.lora === undefined && model.path === base.path && model.revision === base.revision
  );
}

/** The rules of recipes say that it is. */
function there(recipe: ParsedRecipe, model: ModelReference | undefined, what: string): ModelReference {
  if (model) return model;
  throw new RetemperError("INTERNAL", `a recipe of ${recipe.method} without a ${what}`, { file: recipe.file });
}
