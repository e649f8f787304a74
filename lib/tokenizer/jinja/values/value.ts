// Values as templates have them. What JavaScript has too stays what it is: null is None, booleans, texts, and numbers, which
// are always integers here; an integer that is too large for a number is a bigint. Everything else is one of these classes,
// which hold each other.

import type { Budget } from "../../chat/budget.js";
import { typeError } from "./pythonError.js";
import { Undefined } from "./undefined.js";

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Markup
  | List
  | Tuple
  | Dict
  | DictView
  | Range
  | Iteration
  | Undefined
  | TemplateObject;

export type Integer = number | bigint;
export type Keywords = ReadonlyMap<string, Value>;

/** What everything needs that computes: what a template may use up, and the filters, tests and methods by their names. */
export interface Run {
  readonly budget: Budget;
  readonly filters: ReadonlyMap<string, Native>;
  readonly tests: ReadonlyMap<string, Native>;
  /** A value's own method or attribute; undefined where its type has none of that name. */
  readonly methodOf: (value: Value, name: string) => Value | undefined;
  /** Whether what is not there may only be asked whether it is defined (StrictUndefined); by default it prints as nothing. */
  readonly strict?: boolean | undefined;
}

/** A function that templates call. */
export type Native = (run: Run, args: readonly Value[], keywords: Keywords) => Value;

export const NO_KEYWORDS: Keywords = new Map();

/** Python's float. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A text that was marked safe: what joins it is escaped for HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class List {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  /** The items' names where it is a named tuple. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** Python's range. */
export class Range {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly length: number;

  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/**
 * Python's dict: keys of many types, of which those that are equal are one key (1, 1.0 and True), in the order in which they
 * came.
 */
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

/** What `keys()`, `values()` and `items()` of a dict give. */
export class DictView {
  readonly dict: Dict;
  readonly part: "keys" | "values" | "items";

  constructor(dict: Dict, part: "keys" | "values" | "items") {
    this.dict = dict;
    this.part = part;
  }
}

/** A generator or another iterator: its items can be taken once. */
export class Iteration {
  /** The name of Python's type. */
  readonly typeName: string;
  readonly #items: Iterator<Value>;

  constructor(typeName: string, items: Iterator<Value>) {
    this.typeName = typeName;
    this.#items = items;
  }

  /** The next item; undefined at the end. */
  next(): Value | undefined {
    const { done, value } = this.#items.next();
    return done ? undefined : value;
  }
}

/** What templates can hold but not look into as data: functions, macros, namespaces, the `loop` of a loop. */
export abstract class TemplateObject {
  /** The name of Python's type. */
  abstract readonly typeName: string;
  /** The module of Python that has the type. */
  readonly moduleName: string = "jinja2.runtime";

  /** An attribute; undefined where there is none. */
  attribute(_name: string, _run: Run): Value | undefined {
    return undefined;
  }

  /** An entry in brackets, where attributes are not entries too. */
  entry(_key: Value, _run: Run): Value | undefined {
    return undefined;
  }

  /** Writes what `repr` gives, in parts: texts, and values that it holds. */
  abstract write(writer: ObjectWriter): void;

  /** Whether it can be called. */
  get callable(): boolean {
    return false;
  }

  call(_run: Run, _args: readonly Value[], _keywords: Keywords): Value {
    throw new Error(`${this.typeName} cannot be called`);
  }
}

export interface ObjectWriter {
  add(text: string): void;
  write(value: Value): void;
}

/** A text, marked safe or not. */
export function isText(value: Value | undefined): value is string | Markup {
  return typeof value === "string" || value instanceof Markup;
}

export function textOf(value: string | Markup): string {
  return typeof value === "string" ? value : value.text;
}

/** An integer in the form that all values have. */
export function integer(value: bigint): Integer {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Integers; booleans are integers in Python. */
export function isInteger(value: Value | undefined): value is Integer | boolean {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
}

export function isNumber(value: Value): value is Integer | boolean | Float {
  return isInteger(value) || value instanceof Float;
}

type Key = string | number | bigint | null | object;

/** Starts the keys that stand for something else than themselves. */
const MARK = "\0";
/** Longer texts are counted when they are looked up. */
const LONG = 64;
const ALL_UNDEFINED = { all: "undefined" };

const numbers = new WeakMap<object, number>();
let objects = 0;

/** What is the same for two values exactly if Python takes them for one key; what a template makes is counted. */
export function hash(value: Value, run?: Run): Key {
  if (typeof value === "string" && value.length > LONG) run?.budget.spendOn(value.length);
  if (typeof value === "string") return value.startsWith(MARK) ? `${MARK}s${value}` : value;
  if (typeof value === "number" || typeof value === "bigint" || value === null) return value;
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Float) return Number.isInteger(value.value) ? integer(BigInt(value.value)) : value.value;
  if (value instanceof Markup) return hash(value.text, run);
  if (value instanceof Undefined) {
    if (run && value.isStrict(run)) throw value.failure();
    return ALL_UNDEFINED;
  }
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
