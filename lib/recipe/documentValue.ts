// The plain value of a YAML document, with the place of every value and key. Aliases are followed within limits, keys
// are unique, and `__proto__` never becomes one.

import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from "yaml";
import { DocumentError, type LocatedDocument, type Path, type Position } from "./located.js";
import { MAX_COPIES, MAX_DEPTH, MAX_VALUES, type TextLimits } from "./textLimits.js";

/** Offset in the text -> its line and column. */
type PositionOf = (offset: number) => Position;

/** Offsets of one mapping's or list's members. */
interface Places {
  readonly keys: Map<PropertyKey, number | undefined>;
  readonly values: Map<PropertyKey, number | undefined>;
}

/**
 * The value of a document that has been composed without errors.
 *
 * @throws DocumentError for duplicate or unsafe keys, unresolved or recursive aliases, tags, and what is over the limits
 */
export function documentValue(root: Node, at: PositionOf, limits: TextLimits): LocatedDocument {
  const reader = new ValueReader(at, limits);
  const value = reader.read(root, 0);
  return {
    value,
    locate(path, part = "value") {
      const found = locate(value, path, part, reader.places) ?? offsetOf(root);
      return found === undefined ? undefined : at(found);
    },
  };
}

/** Offset of the value at a path, or of its key; of the nearest member on the way where there is none. */
function locate(root: unknown, path: Path, part: "key" | "value", places: WeakMap<object, Places>): number | undefined {
  let container = root;
  let found: number | undefined;
  for (const [index, name] of path.entries()) {
    const here = isObject(container) ? places.get(container) : undefined;
    if (here === undefined) break;
    const key = part === "key" && index === path.length - 1 ? here.keys.get(name) : undefined;
    const offset = key ?? here.values.get(name);
    if (offset === undefined) break;
    found = offset;
    container = (container as Record<PropertyKey, unknown>)[name];
  }
  return found;
}

/** Reads the nodes of one document. */
class ValueReader {
  /** Where the members of each mapping and list stand. */
  readonly places = new WeakMap<object, Places>();
  private readonly at: PositionOf;
  private readonly limits: TextLimits;
  private readonly anchors = new Map<string, Node>();
  /** Mappings and lists that the walk is in: an alias to one of them would never end. */
  private readonly open = new Set<Node>();
  private count = 0;
  /** Of the values counted, those that stand within an alias. */
  private copied = 0;
  /** In how many aliases the walk is. */
  private aliases = 0;

  constructor(at: PositionOf, limits: TextLimits) {
    this.at = at;
    this.limits = limits;
  }

  read(node: Node | null, depth: number): unknown {
    if (node === null) return null;
    this.bound(node, depth);
    if (isAlias(node)) return this.readAlias(node, depth);
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
    if (isScalar(node)) return this.readScalar(node);
    this.open.add(node);
    const value = this.readCollection(node, depth);
    this.open.delete(node);
    return value;
  }

  private bound(node: Node, depth: number): void {
    const { noun, maxValues } = this.limits;
    this.count += 1;
    if (this.aliases > 0) this.copied += 1;
    if (this.count > maxValues) this.fail(`the ${noun} expands to more than ${maxValues} values`, node);
    const mostCopied = MAX_VALUES + MAX_COPIES * (this.count - this.copied);
    if (this.copied > mostCopied) {
      this.fail(`the ${noun} expands to more than ${mostCopied} values by its aliases`, node);
    }
    if (depth > MAX_DEPTH) this.fail(`the ${noun} is nested too deeply`, node);
  }

  private readAlias(node: Node & { readonly source: string }, depth: number): unknown {
    const target = this.anchors.get(node.source);
    if (target === undefined) return this.fail(`unknown alias *${node.source}`, node);
    if (this.open.has(target)) return this.fail(`alias *${node.source} refers to itself`, node);
    this.aliases += 1;
    const value = this.read(target, depth);
    this.aliases -= 1;
    return value;
  }

  private readScalar(node: Scalar): unknown {
    const { value } = node;
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) return value;
    const hint = "tags such as !!binary and !!timestamp are not supported";
    return this.fail("expected text, a number or a boolean", node, hint);
  }

  private readCollection(node: Node, depth: number): unknown {
    if (isMap(node)) return this.readMapping(node, depth);
    if (isSeq(node)) return this.readList(node, depth);
    return this.fail("unexpected value", node);
  }

  private readList(node: { readonly items: readonly unknown[] }, depth: number): unknown[] {
    const value: unknown[] = [];
    const here = this.placesOf(value);
    for (const item of node.items) {
      here.values.set(value.length, offsetOf(item));
      // A list of pairs (`[a: 1]`) holds one-key mappings; the composer has made them maps already.
      value.push(this.read(item as Node, depth + 1));
    }
    return value;
  }

  private readMapping(node: { readonly items: readonly { key: unknown; value: unknown }[] }, depth: number): object {
    const value: Record<string, unknown> = {};
    const here = this.placesOf(value);
    /** What `<<` names; the mapping's own keys win, so these come last. */
    const merged: { readonly source: unknown; readonly key: unknown }[] = [];
    for (const pair of node.items) {
      const member = pair.value as Node | null;
      if (isMergeKey(pair.key)) {
        merged.push({ source: this.read(member, depth + 1), key: pair.key });
        continue;
      }
      const name = this.readKey(pair.key, member ?? node);
      if (Object.hasOwn(value, name)) {
        const first = here.keys.get(name);
        const where = first === undefined ? "" : `, first on line ${this.at(first).line}`;
        this.fail(`duplicate key \`${name}\`${where}`, pair.key);
      }
      here.keys.set(name, offsetOf(pair.key));
      here.values.set(name, offsetOf(member) ?? offsetOf(pair.key));
      value[name] = this.read(member, depth + 1);
    }
    for (const { source, key } of merged) this.inherit(value, here, source, key);
    return value;
  }

  /** @param near what stands beside a key that has no place of its own */
  private readKey(key: unknown, near: unknown): string {
    const name = keyName(key);
    if (name === undefined) return this.fail("expected a plain key", key ?? near);
    if (name === "__proto__") return this.fail("`__proto__` is not allowed as a key", key);
    return name;
  }

  /** `<<: *a` or `<<: [*a, *b]`: members that the mapping does not have yet, of the earlier ones first. */
  private inherit(value: Record<string, unknown>, here: Places, source: unknown, key: unknown): void {
    for (const from of Array.isArray(source) ? source : [source]) {
      if (!isObject(from) || Array.isArray(from)) this.fail("`<<` needs a mapping", key);
      const theirs = this.places.get(from);
      for (const [name, inherited] of Object.entries(from)) {
        if (Object.hasOwn(value, name)) continue;
        value[name] = inherited;
        here.keys.set(name, theirs?.keys.get(name));
        here.values.set(name, theirs?.values.get(name));
      }
    }
  }

  private placesOf(value: object): Places {
    const places: Places = { keys: new Map(), values: new Map() };
    this.places.set(value, places);
    return places;
  }

  private fail(message: string, node: unknown, hint?: string): never {
    const start = offsetOf(node);
    throw new DocumentError(message, start === undefined ? undefined : this.at(start), hint);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

/** `<<` without quotes. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && keyName(key) === "<<" && key.type !== "QUOTE_DOUBLE" && key.type !== "QUOTE_SINGLE";
}

/** Numbers and booleans become the text they were written as, as JSON would have it; null and collections do not. */
function keyName(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === "string") return key.value;
  return key.source !== undefined && key.source !== "" ? key.source : undefined;
}
