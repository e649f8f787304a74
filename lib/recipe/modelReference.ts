// Model references: `path[@revision][+lora[@revision]]`, or the same as a mapping.

import { existsSync } from "node:fs";
import { RetemperError } from "../errors.js";
import type { ModelReference } from "./types.js";

/** Says whether a local path exists; tests replace it. */
export type PathExists = (path: string) => boolean;

interface Location {
  readonly path: string;
  readonly revision?: string;
}

/** Longest accepted path; longer than any file system's. */
const MAX_PATH = 4096;

/** The text is not a model reference; the message says why. */
export class ModelReferenceError extends RetemperError {
  constructor(message: string) {
    super("BAD_INPUT", message, { hint: "a model is a folder or org/name[@revision], with an adapter base+adapter" });
  }
}

/**
 * Parses the text form. A local path that exists is used as it is, with whatever `@` and `+` it holds.
 *
 * @throws ModelReferenceError
 */
export function parseModelReference(text: string, exists: PathExists = existsSync): ModelReference {
  checkPath(text);
  if (!/[@+]/.test(text) || exists(text)) return { text, path: text };
  const [model, lora] = splitAdapter(text, exists);
  return referenceOf(
    parseLocation(model, exists),
    lora === undefined ? undefined : parseLocation(lora, exists),
    undefined,
  );
}

/** The canonical reference for the parts of the mapping form. */
export function referenceOf(
  model: Location,
  lora: Location | undefined,
  architecture: string | undefined,
): ModelReference {
  return {
    text: lora === undefined ? textOf(model) : `${textOf(model)}+${textOf(lora)}`,
    ...model,
    ...(lora === undefined ? {} : { lora }),
    ...(architecture === undefined ? {} : { overrideArchitecture: architecture }),
  };
}

/** True if both name the same model: path, revision, adapter and architecture. Paths are compared as text. */
export function sameModel(a: ModelReference, b: ModelReference): boolean {
  return (
    a.path === b.path &&
    a.revision === b.revision &&
    a.lora?.path === b.lora?.path &&
    a.lora?.revision === b.lora?.revision &&
    a.overrideArchitecture === b.overrideArchitecture
  );
}

/** `path[@revision]`. @throws ModelReferenceError */
export function parseLocation(text: string, exists: PathExists = existsSync): Location {
  checkPath(text);
  if (!text.includes("@") || exists(text)) return { path: text };
  const cuts = cutsAt(text, "@");
  // The longest part that exists; else there must be one `@` only.
  const cut = cuts.findLast((index) => exists(text.slice(0, index))) ?? (cuts.length === 1 ? cuts[0] : undefined);
  if (cut === undefined) throw new ModelReferenceError(`more than one @ in \`${text}\`, and no such local path`);
  const path = text.slice(0, cut);
  const revision = text.slice(cut + 1);
  if (path === "" || revision === "") throw new ModelReferenceError(`\`${text}\` needs text on both sides of the @`);
  return { path, revision };
}

function checkPath(text: string): void {
  if (text.trim() === "") throw new ModelReferenceError("the model's path is empty");
  if (text.length > MAX_PATH) throw new ModelReferenceError(`the model's path is longer than ${MAX_PATH} characters`);
  if (text.includes("\0")) throw new ModelReferenceError("the model's path holds a NUL character");
}

function splitAdapter(text: string, exists: PathExists): [string, string?] {
  const cuts = cutsAt(text, "+");
  if (cuts.length === 0) return [text];
  // A path that exists, with a revision behind it.
  const last = text.lastIndexOf("+");
  if (cutsAt(text, "@").some((index) => index > last && exists(text.slice(0, index)))) return [text];
  // The longest model that exists; else, of a hub id with an adapter on this disk, the longest adapter that exists.
  const cut =
    cuts.findLast((index) => exists(text.slice(0, index))) ??
    cuts.find((index) => exists(text.slice(index + 1))) ??
    (cuts.length === 1 ? cuts[0] : undefined);
  if (cut === undefined) throw new ModelReferenceError(`more than one + in \`${text}\`, and no such local path`);
  const parts: [string, string] = [text.slice(0, cut), text.slice(cut + 1)];
  if (parts.includes(""))
    throw new ModelReferenceError(`\`${text}\` needs a model before the + and an adapter after it`);
  return parts;
}

function cutsAt(text: string, mark: string): number[] {
  const cuts: number[] = [];
  for (let index = text.indexOf(mark); index !== -1; index = text.indexOf(mark, index + 1)) cuts.push(index);
  return cuts;
}

function textOf({ path, revision }: Location): string {
  return revision === undefined ? path : `${path}@${revision}`;
}
