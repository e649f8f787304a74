// A model of an experiment in its parts: the model itself, and the adapter behind a `+`.

import { RetemperError } from "../../errors.js";
import { ModelReferenceError, type PathExists, parseModelReference } from "../../recipe/modelReference.js";

export interface ModelPart {
  readonly path: string;
  readonly revision?: string | undefined;
}

/**
 * One part, or two: recipes read the text in the same way, so a `+` in a path that exists is part of the path.
 * @throws RetemperError BAD_INPUT for a text that is no reference
 */
export function modelParts(model: string, exists?: PathExists): readonly [ModelPart, adapter?: ModelPart] {
  try {
    const { path, revision, lora } = parseModelReference(model, exists);
    return lora === undefined ? [{ path, revision }] : [{ path, revision }, lora];
  } catch (error) {
    if (!(error instanceof ModelReferenceError)) throw error;
    throw new RetemperError("BAD_INPUT", error.message, { hint: "write MODEL, or MODEL+ADAPTER", cause: error });
  }
}

/** The text of the parts, each with its path changed. */
export function withParts(model: string, change: (path: string) => string, exists?: PathExists): string {
  const parts = modelParts(model, exists);
  return parts
    .map((part) => `${change(part?.path ?? "")}${part?.revision === undefined ? "" : `@${part.revision}`}`)
    .join("+");
}
