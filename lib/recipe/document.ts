// YAML (and so JSON) text to plain values, with the place of every value and key.
// The text may be hostile: nesting, aliases and size are bounded before anything recursive sees them, keys are
// unique, and `__proto__` never becomes one.

import type { Node, Scalar as YamlScalar } from "yaml";
import { Composer, CST, type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";

/** Largest recipe text, in UTF-16 units. */
export const MAX_TEXT = 2 ** 21;
/** Deepest nesting of mappings and lists; a recipe needs about ten. */
export const MAX_DEPTH = 64;
/** Most values after aliases are expanded. */
export const MAX_VALUES = 50_000;
/** Where a text may have more values: most that aliases may add for each that is written. */
const MAX_COPIES = 10;

export type Path = readonly PropertyKey[];

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface LocatedDocument {
  readonly value: unknown;
  /** Where the value at a path stands, or its key; the nearest enclosing value if there is none. */
  locate(path: Path, part?: "key" | "value"): Position | undefined;
}

/** One of several documents; its text can be had by itself. */
export interface SeparateDocument extends LocatedDocument {
  readonly start: Position;
  /** The document as YAML with its comments, without `---`, and without one key at the top. */
  textWithout(key: string): string;
}

/** What a text is called in messages, and how large it may be. */
export interface TextKind {
  readonly noun: string;
  /** In UTF-16 units. */
  readonly maxText: number;
  /** Of one document, after aliases are expanded. */
  readonly maxValues: number;
}

const RECIPE: TextKind = { noun: "recipe", maxText: MAX_TEXT, maxValues: MAX_VALUES };

/** The text is not a recipe document; `at` says where. */
export class DocumentError extends Error {
  readonly at: Position | undefined;
  readonly hint: string | undefined;
  constructor(message: string, at?: Position, hint?: string) {
    super(message);
    this.at = at;
    this.hint = hint;
  }
}

/**
 * Reads one document.
 *
 * @throws DocumentError for syntax errors, several documents, duplicate or unsafe keys, unresolved or recursive
 * aliases, tags, and anything over the limits above
 */
export function readDocument(text: string): LocatedDocument {
  const documents = readDocuments(text);
  const [document, second] = documents;
  if (document !== undefined && second === undefined) return document;
  throw new DocumentError(
    `${documents.length} recipes in one file, expected one`,
    second?.start,
    "split the file at its `---` lines, or merge them all with `retemper batch`",
  );
}

/**
 * Reads every document of a text; empty ones do not count.
 *
 * @returns at least one
 * @throws DocumentError as `readDocument` does
 */
export function readDocuments(text: string, kind: TextKind = RECIPE): SeparateDocument[] {
  if (text.length > kind.maxText) throw new DocumentError(`the ${kind.noun} is larger than ${kind.maxText} characters`);
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  boundLexically(text, kind);
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  boundNesting(tokens, at, kind);
  // Keys are compared in convert(), in linear time; the composer's own check is quadratic.
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: false });
  const documents = [...composer.compose(tokens)].filter(hasContent);
  if (documents.length === 0) throw new DocumentError(`the ${kind.noun} is empty`);
  return documents.map((document, index) => {
    const from = documents[index - 1]?.range[2] ?? 0;
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw new DocumentError(problem.message, at(problem.pos[0]));
    const converted = convert(document.contents as Node, at, kind);
    return {
      ...converted,
      start: at(document.range[0]),
      textWithout: (key) => textWithout(key, converted.value, document, text.slice(from, document.range[2])),
    };
  });
}

/** As it was written, if its lines can be told apart; else written anew. */
function textWithout(key: string, value: unknown, document: Document.Parsed, text: string): string {
  const lines = text.split("\n").filter((line) => !line.startsWith(`${key}:`) && !/^(---|\.\.\.)\s*$/.test(line));
  const written = lines.join("\n");
  const { [key]: _left, ...wanted } = value as Record<string, unknown>;
  if (meaning(written) === JSON.stringify(wanted)) return written;
  const copy = document.clone();
  if (isMap(copy.contents)) copy.delete(key);
  return copy.toString({ lineWidth: 0, directives: false });
}

function meaning(text: string): string | undefined {
  try {
    return JSON.stringify(readDocument(text).value);
  } catch {
    return undefined;
  }
}

function hasContent(document: Document): boolean {
  return document.errors.length > 0 || (document.contents !== null && !isEmptyScalar(document.contents));
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source === undefined || node.source === "");
}

/** Counts values, flow brackets and the indicators of one line; other nesting is bounded by the text's size. */
function boundLexically(text: string, { noun, maxValues }: TextKind): void {
  let flow = 0;
  let indicators = 0;
  let scalars = 0;
  let line = 1;
  for (const token of new Lexer().lex(text)) {
    switch (CST.tokenType(token)) {
      case "newline":
        indicators = 0;
        break;
      case "flow-map-start":
      case "flow-seq-start":
        flow += 1;
        break;
      case "flow-map-end":
      case "flow-seq-end":
        flow = Math.max(flow - 1, 0);
        break;
      case "scalar":
      case "alias":
      case "single-quoted-scalar":
      case "double-quoted-scalar":
        scalars += 1;
        break;
      case "seq-item-ind":
      case "explicit-key-ind":
      case "map-value-ind":
        // Inside brackets these do not nest.
        if (flow === 0) indicators += 1;
        break;
      default:
        break;
    }
    if (flow + indicators > MAX_DEPTH) throw new DocumentError(`the ${noun} is nested too deeply`, { line, column: 1 });
    // Keys and values.
    if (scalars > 2 * maxValues) {
      throw new DocumentError(`the ${noun} has more than ${maxValues} values`, { line, column: 1 });
    }
    for (let from = token.indexOf("\n"); from !== -1; from = token.indexOf("\n", from + 1)) line += 1;
  }
}

/** Walks the syntax tree without recursion: the composer, which comes next, is recursive. */
function boundNesting(tokens: readonly CST.Token[], at: (offset: number) => Position, { noun }: TextKind): void {
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) throw new DocumentError(`the ${noun} is nested too deeply`, at(token.offset));
    const inner: (CST.Token | null | undefined)[] = [];
    if (token.type === "document") inner.push(token.value);
    if ("items" in token) for (const item of token.items) inner.push(item.key, item.value);
    for (const child of inner) if (child) pending.push({ token: child, depth: depth + 1 });
  }
}

/** Places of one mapping's or list's members. */
interface Places {
  readonly self: number | undefined;
  readonly keys: Map<PropertyKey, number | undefined>;
  readonly values: Map<PropertyKey, number | undefined>;
}

function convert(root: Node, at: (offset: number) => Position, { noun, maxValues }: TextKind): LocatedDocument {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  const places = new WeakMap<object, Places>();
  let count = 0;
  /** Of them, those that stand within an alias; and in how many aliases the walk is. */
  let copied = 0;
  let within = 0;

  const fail = (message: string, node: unknown, hint?: string): never => {
    const start = offsetOf(node);
    throw new DocumentError(message, start === undefined ? undefined : at(start), hint);
  };

  const toValue = (node: Node | null, depth: number): unknown => {
    if (node === null) return null;
    count += 1;
    if (within > 0) copied += 1;
    if (count > maxValues) fail(`the ${noun} expands to more than ${maxValues} values`, node);
    const mostCopied = MAX_VALUES + MAX_COPIES * (count - copied);
    if (copied > mostCopied) fail(`the ${noun} expands to more than ${mostCopied} values by its aliases`, node);
    if (depth > MAX_DEPTH) fail(`the ${noun} is nested too deeply`, node);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) return fail(`unknown alias *${node.source}`, node);
      if (open.has(target)) return fail(`alias *${node.source} refers to itself`, node);
      within += 1;
      const value = toValue(target, depth);
      within -= 1;
      return value;
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isScalar(node)) return scalarValue(node);
    open.add(node);
    const value = isMap(node)
      ? toObject(node, depth)
      : isSeq(node)
        ? toArray(node, depth)
        : fail("unexpected value", node);
    open.delete(node);
    return value;
  };

  const scalarValue = (node: YamlScalar): unknown => {
    const { value } = node;
    if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      return value;
    return fail(
      "expected text, a number or a boolean",
      node,
      "tags such as !!binary and !!timestamp are not supported",
    );
  };

  const toArray = (node: { items: unknown[] } & Node, depth: number): unknown[] => {
    const value: unknown[] = [];
    const here: Places = { self: offsetOf(node), keys: new Map(), values: new Map() };
    places.set(value, here);
    for (const item of node.items) {
      here.values.set(value.length, offsetOf(item));
      // A list of pairs (`[a: 1]`) holds one-key mappings; the composer has made them maps already.
      value.push(toValue(item as Node, depth + 1));
    }
    return value;
  };

  const toObject = (node: { items: { key: unknown; value: unknown }[] } & Node, depth: number): object => {
    const value: Record<string, unknown> = {};
    const here: Places = { self: offsetOf(node), keys: new Map(), values: new Map() };
    places.set(value, here);
    const merged: { readonly value: unknown; readonly node: unknown }[] = [];
    for (const pair of node.items) {
      const name = keyName(pair.key);
      const member = pair.value as Node | null;
      if (name === undefined) return fail("expected a plain key", pair.key ?? member ?? node);
      if (name === "__proto__") return fail("`__proto__` is not allowed as a key", pair.key);
      if (
        name === "<<" &&
        (pair.key as YamlScalar).type !== "QUOTE_DOUBLE" &&
        (pair.key as YamlScalar).type !== "QUOTE_SINGLE"
      ) {
        merged.push({ value: toValue(member, depth + 1), node: pair.key });
        continue;
      }
      if (Object.hasOwn(value, name)) {
        const first = here.keys.get(name);
        const where = first === undefined ? "" : `, first on line ${at(first).line}`;
        return fail(`duplicate key \`${name}\`${where}`, pair.key);
      }
      here.keys.set(name, offsetOf(pair.key));
      here.values.set(name, offsetOf(member) ?? offsetOf(pair.key));
      value[name] = toValue(member, depth + 1);
    }
    for (const source of merged) {
      // `<<: [*a, *b]`: earlier ones win, and the mapping's own keys win over all.
      for (const from of Array.isArray(source.value) ? source.value : [source.value]) {
        if (typeof from !== "object" || from === null || Array.isArray(from))
          return fail("`<<` needs a mapping", source.node);
        const theirs = places.get(from);
        for (const [name, inherited] of Object.entries(from)) {
          if (Object.hasOwn(value, name)) continue;
          value[name] = inherited;
          here.keys.set(name, theirs?.keys.get(name));
          here.values.set(name, theirs?.values.get(name));
        }
      }
    }
    return value;
  };

  const value = toValue(root, 0);
  return {
    value,
    locate(path, part = "value") {
      let container: unknown = value;
      let found = offsetOf(root);
      for (const [index, name] of path.entries()) {
        const here = typeof container === "object" && container !== null ? places.get(container) : undefined;
        if (here === undefined) break;
        const wanted = part === "key" && index === path.length - 1 ? here.keys.get(name) : undefined;
        const offset = wanted ?? here.values.get(name);
        if (offset === undefined) break;
        found = offset;
        container = (container as Record<PropertyKey, unknown>)[name];
      }
      return found === undefined ? undefined : at(found);
    },
  };
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

/** Numbers and booleans become the text they were written as, as JSON would have it; null and collections do not. */
function keyName(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === "string") return key.value;
  return key.source !== undefined && key.source !== "" ? key.source : undefined;
}
