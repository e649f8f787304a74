// Values as templates have them. What JavaScript has too stays what it is: null is None, booleans, texts, and numbers, which
// are always integers here; an integer that is too large for a number is a bigint. Everything else is one of these classes.

import type { Budget } from "../../chat/budget.js";
import type { Dict } from "./dict.js";
import type { TemplateObject } from "./templateObject.js";
import type { Undefined } from "./undefined.js";

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

/** What everything needs that computes: what a template may use up, and the filters and tests by their names. */
export interface Run {
  readonly budget: Budget;
  readonly filters: ReadonlyMap<string, Native>;
  readonly tests: ReadonlyMap<string, Native>;
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
