// What a schema says of a value, in words of our own: the place of each fault, what was found there, and what was probably meant.
// Recipes and experiments are read with it.

import type { z } from "zod";
import { describe, shorten } from "./describe.js";
import type { Path } from "./located.js";
import { nearest, suggestion } from "./suggest.js";
import { valueAt } from "./valueAt.js";

export interface SchemaFault {
  readonly kind: "unknown" | "missing" | "wrong";
  /** Of an unknown key with the key. */
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Of an unknown key or word: the known one that is spelled most like it. */
  readonly meant?: string | undefined;
}

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;
type DescribedSchema = Schema & { readonly description?: string | undefined };
/** What the definitions of all kinds of schemas may hold. */
interface Definition {
  readonly type: string;
  readonly format?: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly items?: readonly Schema[];
  readonly valueType?: Schema;
  readonly innerType?: Schema;
  readonly options?: readonly Schema[];
}

/**
 * Every fault of a value, none where the schema takes it.
 * @param elsewhere keys that users write in the wrong place, with what to write instead
 */
export function schemaFaults(
  schema: Schema & Pick<z.ZodType, "safeParse">,
  value: unknown,
  elsewhere: Readonly<Record<string, string>> = {},
): SchemaFault[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.flatMap((issue) => faultsOf(issue, [], schema, value, elsewhere));
}

function faultsOf(
  issue: Issue,
  before: Path,
  root: Schema,
  whole: unknown,
  elsewhere: Readonly<Record<string, string>>,
): SchemaFault[] {
  const path = [...before, ...issue.path];
  const received = valueAt(whole, path);
  const wrong = (message: string, hint?: string): SchemaFault[] => [{ kind: "wrong", path, message, hint }];
  if (received === undefined && ["invalid_type", "invalid_value", "invalid_union", "custom"].includes(issue.code)) {
    const hint = schemaAt(root, path, whole)?.description;
    return [{ kind: "missing", path, message: "this key is required but missing", hint }];
  }
  switch (issue.code) {
    case "unrecognized_keys": {
      const definition = definitionAt(root, path, whole);
      const best = definition?.options && bestOption(definition.options, received);
      const known = Object.keys((best ? definitionOf(best) : definition)?.shape ?? {});
      return issue.keys.map((key) => {
        const instead = Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
        const meant = instead === undefined ? nearest(key, known) : undefined;
        const hint = instead ?? suggestion(key, known, "known keys here");
        return { kind: "unknown", path: [...path, key], message: `unknown key \`${shorten(key)}\``, hint, meant };
      });
    }
    case "invalid_type":
      return wrong(`expected ${KINDS[issue.expected] ?? issue.expected}, received ${describe(received)}`);
    case "invalid_value": {
      const known = issue.values.map(String);
      if (typeof received !== "string") {
        return wrong(
          `expected ${known.length > 1 ? "one of " : ""}${known.join(", ")}, received ${describe(received)}`,
        );
      }
      const message = `unknown value \`${shorten(received)}\``;
      return [{ kind: "wrong", path, message, hint: suggestion(received, known), meant: nearest(received, known) }];
    }
    case "invalid_union": {
      const options = definitionAt(root, path, whole)?.options ?? [];
      const best = bestOption(options, received);
      const inner = best === undefined ? undefined : issue.errors[options.indexOf(best)];
      if (inner && inner.length > 0) return inner.flatMap((one) => faultsOf(one, path, root, whole, elsewhere));
      const kinds = [...new Set(options.map((one) => kindOf(definitionOf(one))))];
      return wrong(`expected ${kinds.join(" or ")}, received ${describe(received)}`);
    }
    case "too_small":
    case "too_big":
      return wrong(bound(issue, received));
    default:
      return wrong(issue.message);
  }
}

function bound(issue: Extract<Issue, { code: "too_small" | "too_big" }>, received: unknown): string {
  const least = issue.code === "too_small";
  const end = least ? issue.minimum : issue.maximum;
  if (issue.origin === "array" && least && Number(end) === 1) return "expected at least one entry";
  if (issue.origin === "array") return `expected at ${least ? "least" : "most"} ${end} entries`;
  if (issue.origin === "string") return received === "" ? "this is empty" : `this is too ${least ? "short" : "long"}`;
  const words = issue.inclusive ? ["of at least", "of at most"] : ["above", "below"];
  return `expected a number ${least ? words[0] : words[1]} ${end}, received ${describe(received)}`;
}

const KINDS: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  tuple: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

/** Kinds of schemas that take a value of this type, whatever else they ask of it. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  string: ["string", "enum", "literal"],
  number: ["number", "literal"],
  boolean: ["boolean", "literal"],
  list: ["array", "tuple"],
  mapping: ["object", "record"],
};

function definitionOf(schema: Schema): Definition {
  const definition = schema._zod.def as unknown as Definition;
  return definition.innerType ? definitionOf(definition.innerType) : definition;
}

function kindOf({ type, format }: Definition): string {
  if (type === "enum" || type === "literal") return "text";
  return KINDS[format === "safeint" ? "int" : type] ?? type;
}

/** The option that a value was probably meant for: of its type, and of mappings the one with most of its keys. */
function bestOption(options: readonly Schema[], value: unknown): Schema | undefined {
  const type = Array.isArray(value) ? "list" : value !== null && typeof value === "object" ? "mapping" : typeof value;
  const fitting = options.filter((one) => TAKEN[type]?.includes(definitionOf(one).type));
  const keys = type === "mapping" ? Object.keys(value as object) : [];
  const shared = (one: Schema) => {
    const known = Object.keys(definitionOf(one).shape ?? {});
    const near = keys.filter((key) => nearest(key, known) !== undefined);
    return near.length + near.filter((key) => known.includes(key)).length;
  };
  return fitting.reduce<Schema | undefined>(
    (best, one) => (best === undefined || shared(one) > shared(best) ? one : best),
    undefined,
  );
}

/** The schema of the value at a path; where the path leads through a union, by the option that fits best. */
function schemaAt(root: Schema, path: Path, whole: unknown): DescribedSchema | undefined {
  let schema: Schema | undefined = root;
  let value = whole;
  for (const part of path) {
    const definition: Definition | undefined = schema && chosen(schema, value);
    schema =
      typeof part === "number"
        ? (definition?.element ?? definition?.items?.[part])
        : (definition?.shape?.[String(part)] ?? definition?.valueType);
    value = valueAt(value, [part]);
  }
  return schema;
}

function definitionAt(root: Schema, path: Path, whole: unknown): Definition | undefined {
  const schema = schemaAt(root, path, whole);
  return schema && definitionOf(schema);
}

function chosen(schema: Schema, value: unknown): Definition | undefined {
  const definition = definitionOf(schema);
  if (!definition.options) return definition;
  const best = bestOption(definition.options, value);
  return best && definitionOf(best);
}
