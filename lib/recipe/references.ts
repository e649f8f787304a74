// Every model that a recipe names, wherever it names it.

import { METHODS } from "./methods.js";
import type { ModelReference, ParsedRecipe } from "./types.js";

/** The models whose tensors a recipe reads, once each by their text; a base that is listed nowhere comes last. */
export function mergedModels(recipe: ParsedRecipe): ModelReference[] {
  const slices = recipe.modules.flatMap((module) => module.slices);
  return once([
    ...slices.flatMap(({ sources }) => sources.map(({ model }) => model)),
    ...slices.map(({ baseModel }) => baseModel),
    recipe.baseModel,
    recipe.unalignedModel,
    recipe.safeModel,
  ]);
}

/** The same, and the models that only give their tokenizer. */
export function namedModels(recipe: ParsedRecipe): ModelReference[] {
  const { source, tokens = {} } = recipe.tokenizer ?? {};
  return once([
    ...mergedModels(recipe),
    source?.kind === "model" ? source.model : undefined,
    ...Object.values(tokens).map((token) => (token.source && "model" in token.source ? token.source.model : undefined)),
  ]);
}

/** The file of rows that a method reads beside its models (safe_delta). */
export function rowsFile({ method, parameters }: Pick<ParsedRecipe, "method" | "parameters">): string | undefined {
  const [rows] = METHODS[method].global.rows ? (parameters.rows ?? []) : [];
  return rows && String(rows.value);
}

function once(models: readonly (ModelReference | undefined)[]): ModelReference[] {
  return [...new Map(models.flatMap((model) => (model ? [[model.text, model] as const] : []))).values()];
}
