// Parameter values as a recipe writes them: scalars, gradients, and lists of `{filter, value}`.

import { describe, shorten } from "./describe.js";
import type { Path } from "./located.js";
import type { ParameterRecord } from "./methodRecord.js";
import { findParameter, isKnownParameter, type MethodName, PARAMETER_NAMES } from "./methods.js";
import type { Problems } from "./problems.js";
import { nearest, suggestion } from "./suggest.js";
import type { ConditionalValue, Parameters, ParameterValue, Scalar } from "./types.js";

export interface ValueContext {
  readonly method: MethodName;
  readonly problems: Problems;
  readonly lenient: boolean;
}

/**
 * Reads one `parameters` mapping, converting each value to the type that the method's record says.
 *
 * @param ofSource true under a model or source, where only per-model parameters count
 */
export function readParameters(raw: unknown, path: Path, ofSource: boolean, context: ValueContext): Parameters {
  const { method, problems } = context;
  const result: Record<string, readonly ConditionalValue[]> = {};
  for (const [name, value] of Object.entries((raw as Record<string, unknown> | null | undefined) ?? {})) {
    const place = [...path, name];
    const found = findParameter(method, name);
    if (found === undefined) {
      noteUnused(name, place, context);
    } else if (ofSource && !found.perModel) {
      problems.warn(
        `parameter \`${name}\` of ${method} is not set per model: it is ignored there; write it in the recipe's \`parameters\``,
      );
    } else {
      const values = readValue(value, place, name, found.record, context);
      if (values.length > 0) result[name] = values;
    }
  }
  return result;
}

function noteUnused(name: string, place: Path, { method, problems, lenient }: ValueContext): void {
  if (isKnownParameter(name)) {
    problems.warn(`parameter \`${name}\` is not used by ${method}: it is ignored`);
  } else if (lenient) {
    problems.warn(`unknown parameter \`${shorten(name)}\`: it is ignored`);
  } else {
    const near = nearest(name, PARAMETER_NAMES);
    const hint = near === undefined ? "no method has a parameter of this name" : `did you mean \`${near}\`?`;
    problems.add(place, `unknown parameter \`${shorten(name)}\``, hint, "key");
  }
}

function readValue(
  raw: unknown,
  path: Path,
  name: string,
  record: ParameterRecord,
  context: ValueContext,
): ConditionalValue[] {
  const { problems } = context;
  if (Array.isArray(raw) && raw.some(isMapping)) {
    return raw.flatMap((entry, index) => {
      if (isMapping(entry)) return readConditional(entry, [...path, index], name, record, context);
      problems.add(
        [...path, index],
        `expected \`{filter, value}\` as in the rest of the list, received ${describe(entry)}`,
      );
      return [];
    });
  }
  if (isMapping(raw)) return readConditional(raw, path, name, record, context);
  const value = readPlain(raw, path, record, problems);
  return value === undefined ? [] : [{ value }];
}

function readConditional(
  raw: Record<string, unknown>,
  path: Path,
  name: string,
  record: ParameterRecord,
  { problems, lenient }: ValueContext,
): ConditionalValue[] {
  const allowed = ["filter", "value"];
  for (const key of Object.keys(raw)) {
    if (allowed.includes(key) || lenient) continue;
    problems.add([...path, key], `unknown key \`${shorten(key)}\``, suggestion(key, allowed), "key");
  }
  const { filter = null } = raw;
  if (filter !== null && typeof filter !== "string") {
    problems.add([...path, "filter"], `expected text, a part of tensor names, received ${describe(filter)}`);
    return [];
  }
  if (!Object.hasOwn(raw, "value")) {
    problems.add(path, `\`${name}\` has no \`value\` here`);
    return [];
  }
  const value = readPlain(raw.value, [...path, "value"], record, problems);
  if (value === undefined) return [];
  return filter === null || filter === "*" || filter === "" ? [{ value }] : [{ filter, value }];
}

/** A scalar or a gradient; undefined for an empty gradient, which stands for nothing, and after a problem. */
function readPlain(raw: unknown, path: Path, record: ParameterRecord, problems: Problems): ParameterValue | undefined {
  if (!Array.isArray(raw)) return readScalar(raw, path, record, problems);
  const values = raw.map((value, index) => readScalar(value, [...path, index], record, problems));
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 || known.length < values.length ? undefined : known;
}

function readScalar(raw: unknown, path: Path, record: ParameterRecord, problems: Problems): Scalar | undefined {
  const value = toType(raw, record);
  if (typeof value === "number" && !Number.isFinite(value)) {
    problems.add(path, `expected a finite number, received ${describe(raw)}`);
    return undefined;
  }
  if (value === undefined) {
    const wanted = record.type === "choice" ? `one of ${record.choices?.join(", ")}` : KINDS[record.type];
    const hint =
      record.type === "choice" && typeof raw === "string" ? suggestion(raw, record.choices ?? []) : undefined;
    problems.add(path, `expected ${wanted}, received ${describe(raw)}`, hint);
    return undefined;
  }
  if (typeof value === "number" && record.min !== undefined && value < record.min) {
    problems.add(path, `expected ${record.min} or more, received ${value}`);
    return undefined;
  }
  return value;
}

const KINDS = { number: "a number", integer: "a whole number", boolean: "true or false", text: "text" } as const;

/** YAML 1.1 wrote booleans in many ways, and the recipes of that time still do. */
const TRUE = new Set(["true", "yes", "on", "y", "t", "1"]);
const FALSE = new Set(["false", "no", "off", "n", "f", "0"]);
const NUMBER = /^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/** The value as the record's type; undefined if it is not one. Infinity and NaN pass, to be named as such. */
function toType(raw: unknown, record: ParameterRecord): Scalar | undefined {
  switch (record.type) {
    case "number":
      return toNumber(raw);
    case "integer": {
      const value = toNumber(raw);
      return value === undefined || Number.isInteger(value) || !Number.isFinite(value) ? value : undefined;
    }
    case "boolean":
      return toBoolean(raw);
    case "choice":
      return typeof raw === "string" && record.choices?.includes(raw) ? raw : undefined;
    case "text":
      return typeof raw === "string" && raw !== "" ? raw : undefined;
  }
}

function toNumber(raw: unknown): number | undefined {
  if (typeof raw === "number") return raw;
  if (typeof raw === "boolean") return raw ? 1 : 0;
  if (typeof raw !== "string") return undefined;
  if (raw.length < 64 && NUMBER.test(raw.trim())) return Number(raw.replaceAll("_", ""));
  return /^[-+]?(?:nan|inf|infinity)$/i.test(raw.trim()) ? Number.NaN : undefined;
}

/** true, false, and what YAML 1.1 and numbers say for them; undefined for anything else. */
export function toBoolean(raw: unknown): boolean | undefined {
  if (typeof raw === "boolean") return raw;
  const word = String(raw).toLowerCase();
  if (typeof raw !== "number" && typeof raw !== "string") return undefined;
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
