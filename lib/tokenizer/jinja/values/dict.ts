// Python's dict: keys of many types, of which those that are equal are one key (1, 1.0 and True), in the order in which they
// came.

import { typeError } from "./pythonError.js";
import { Undefined } from "./undefined.js";
import { Float, integer, List, Markup, Range, type Run, Tuple, type Value } from "./value.js";

type Key = string | number | bigint | null | object;

/** Starts the keys that stand for something else than themselves. */
const MARK = "\0";
/** Longer texts are counted when they are looked up. */
const LONG = 64;
const ALL_UNDEFINED = { all: "undefined" };

const numbers = new WeakMap<object, number>();
let objects = 0;

export class Dict {
  readonly #entries = new Map<Key, [key: Value, value: Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = [], run?: Run) {
    for (const [key, value] of entries) this.set(key, value, run);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @throws PythonError TypeError for a key that cannot be one. */
  get(key: Value, run?: Run): Value | undefined {
    return this.#entries.get(hash(key, run))?.[1];
  }

  /** Only for one who made the dict: templates change none. */
  set(key: Value, value: Value, run?: Run): void {
    const hashed = hash(key, run);
    const known = this.#entries.get(hashed);
    if (known === undefined) this.#entries.set(hashed, [key, value]);
    else known[1] = value;
  }

  *keys(): Generator<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }

  *values(): Generator<Value> {
    for (const [, value] of this.#entries.values()) yield value;
  }

  entries(): IterableIterator<[Value, Value]> {
    return this.#entries.values();
  }
}

/** What is the same for two values exactly if Python takes them for one key; what a template makes is counted. */
export function hash(value: Value, run?: Run): Key {
  if (typeof value === "string" && value.length > LONG) run?.budget.spendOn(value.length);
  if (typeof value === "string") return value.startsWith(MARK) ? `${MARK}s${value}` : value;
  if (typeof value === "number" || typeof value === "bigint" || value === null) return value;
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Float) return Number.isInteger(value.value) ? integer(BigInt(value.value)) : value.value;
  if (value instanceof Markup) return hash(value.text, run);
  if (value instanceof Undefined) return ALL_UNDEFINED;
  if (value instanceof List) throw typeError("unhashable type: 'list'");
  if (value instanceof Dict) throw typeError("unhashable type: 'dict'");
  if (value instanceof Tuple) {
    run?.budget.spend(value.items.length);
    const text = `${MARK}(${value.items.map((item) => written(hash(item, run))).join(",")})`;
    return run?.budget.text(text) ?? text;
  }
  if (value instanceof Range) {
    return `${MARK}r${[value.length, value.length > 0 ? value.start : 0, value.length > 1 ? value.step : 0]}`;
  }
  return value;
}

/** A key as text, with its length, so that no two are written alike. */
function written(key: Key): string {
  if (typeof key === "string") return `s${key.length}:${key}`;
  if (typeof key !== "object" || key === null) return String(key);
  if (!numbers.has(key)) {
    objects += 1;
    numbers.set(key, objects);
  }
  return `o${numbers.get(key)}`;
}
