// Finds a model that a recipe names among those that were opened.

import { RetemperError } from "../errors.js";
import type { ModelReference, TokenizerRequest } from "../recipe/types.js";

function key({ path, revision, lora }: ModelReference): string {
  return JSON.stringify([path, revision ?? null, lora?.path ?? null, lora?.revision ?? null]);
}

/** True for references to the same weights, whatever architecture the recipe claims for them. */
export function sameModel(x: ModelReference, y: ModelReference): boolean {
  return key(x) === key(y);
}

/** Index of the first of `models` that `reference` means. */
export function indexOfModel(
  models: readonly { readonly reference: ModelReference }[],
  reference: ModelReference,
): number {
  const index = models.findIndex((model) => sameModel(model.reference, reference));
  if (index !== -1) return index;
  throw new RetemperError("INTERNAL", `the tokenizer of ${reference.text} was not opened`);
}

/** The models that a tokenizer request names: those not merged must be opened too, for their tokenizer. */
export function modelsOfRequest(request: TokenizerRequest): ModelReference[] {
  const named = request.source.kind === "model" ? [request.source.model] : [];
  for (const { source } of Object.values(request.tokens)) {
    if (source !== undefined && source.kind !== "zero") named.push(source.model);
  }
  return named.filter((model, index) => named.findIndex((other) => sameModel(model, other)) === index);
}
