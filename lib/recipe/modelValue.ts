// Model references as values of a recipe: text, or `{model: {path, revision}, lora, override_architecture}`.

import { describe, shorten } from "./describe.js";
import type { Path } from "./located.js";
import {
  ModelReferenceError,
  type PathExists,
  parseLocation,
  parseModelReference,
  referenceOf,
} from "./modelReference.js";
import type { Problems } from "./problems.js";
import { suggestion } from "./suggest.js";
import type { ModelReference } from "./types.js";

export interface ModelContext {
  readonly problems: Problems;
  readonly lenient: boolean;
  readonly exists: PathExists;
}

const FORM = "a model is text (`path[@revision][+lora]`) or `{model: {path, revision}, lora, override_architecture}`";

/** Reads a reference; undefined after a problem. */
export function readModel(raw: unknown, path: Path, context: ModelContext): ModelReference | undefined {
  const { problems, exists } = context;
  if (typeof raw === "string") return guarded(path, problems, () => parseModelReference(raw, exists));
  if (!isMapping(raw)) {
    const hint = typeof raw === "number" ? "put a name that looks like a number in quotes" : FORM;
    problems.add(path, `expected a model, received ${describe(raw)}`, hint);
    return undefined;
  }
  checkKeys(raw, ["model", "lora", "override_architecture"], path, context);
  if (raw.model === undefined || raw.model === null) {
    problems.add(path, "`model` is required here", FORM);
    return undefined;
  }
  const model = readLocation(raw.model, [...path, "model"], context);
  const lora =
    raw.lora === undefined || raw.lora === null ? undefined : readLocation(raw.lora, [...path, "lora"], context);
  const architecture = raw.override_architecture ?? undefined;
  if (architecture !== undefined && typeof architecture !== "string") {
    problems.add([...path, "override_architecture"], `expected text, received ${describe(architecture)}`);
    return undefined;
  }
  if (model === undefined || (raw.lora && lora === undefined)) return undefined;
  return referenceOf(model, lora, architecture);
}

/** Reads a reference where one may be left out; null is absence. */
export function readOptionalModel(raw: unknown, path: Path, context: ModelContext): ModelReference | undefined {
  return raw === undefined || raw === null ? undefined : readModel(raw, path, context);
}

function readLocation(raw: unknown, path: Path, context: ModelContext) {
  const { problems, exists } = context;
  if (typeof raw === "string") return guarded(path, problems, () => parseLocation(raw, exists));
  if (!isMapping(raw) || typeof raw.path !== "string") {
    problems.add(path, `expected a path or \`{path, revision}\`, received ${describe(raw)}`);
    return undefined;
  }
  checkKeys(raw, ["path", "revision"], path, context);
  const { path: location, revision = null } = raw;
  if (revision !== null && typeof revision !== "string") {
    problems.add([...path, "revision"], `expected text, received ${describe(revision)}`, "put it in quotes");
    return undefined;
  }
  // The mapping form says what is the path, so its `@` is part of it.
  const known = guarded([...path, "path"], problems, () => parseLocation(location as string, () => true));
  return known === undefined || revision === null ? known : { ...known, revision };
}

function checkKeys(raw: object, known: readonly string[], path: Path, { problems, lenient }: ModelContext): void {
  for (const key of Object.keys(raw)) {
    if (known.includes(key) || lenient) continue;
    problems.add([...path, key], `unknown key \`${shorten(key)}\``, suggestion(key, known), "key");
  }
}

function guarded<T>(path: Path, problems: Problems, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ModelReferenceError)) throw error;
    problems.add(path, error.message);
    return undefined;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
