// `iter`, `len` and `bool` of values.

import { lengthOf, spendOnPoints } from "../text/codePoints.js";
import { typeError } from "./pythonError.js";
import { viewItems } from "./textValue.js";
import { typeName } from "./typeName.js";
import { Undefined } from "./undefined.js";
import {
  Dict,
  DictView,
  Float,
  Iteration,
  isText,
  List,
  Range,
  type Run,
  TemplateObject,
  Tuple,
  textOf,
  type Value,
} from "./value.js";

/** Objects that can be iterated over by themselves. */
export abstract class IterableObject extends TemplateObject {
  abstract next(run: Run): Value | undefined;
}

/** What a value gives one after the other; undefined for what cannot be iterated over. */
function sourceOf(run: Run, value: Value): Iterable<Value> | undefined {
  if (value instanceof List || value instanceof Tuple) return value.items;
  if (isText(value)) return textOf(value);
  if (value instanceof Dict) return value.keys();
  if (value instanceof DictView) return viewItems(value);
  if (value instanceof Range) return numbersOf(value);
  if (value instanceof Undefined) {
    if (value.isStrict(run)) throw value.failure();
    return [];
  }
  if (value instanceof Iteration || value instanceof IterableObject) return restOf(run, value);
  return undefined;
}

function* numbersOf(range: Range): Generator<Value> {
  for (let index = 0; index < range.length; index += 1) yield range.at(index);
}

function* restOf(run: Run, iteration: Iteration | IterableObject): Generator<Value> {
  for (let item = iteration.next(run); item !== undefined; item = iteration.next(run)) yield item;
}

export function isIterable(run: Run, value: Value): boolean {
  return sourceOf(run, value) !== undefined;
}

/**
 * The items of a value, counted as they are taken.
 * @throws PythonError TypeError for what cannot be iterated over.
 */
export function iterate(run: Run, value: Value): Iterable<Value> {
  const source = sourceOf(run, value);
  if (source === undefined) throw typeError(`'${typeName(value)}' object is not iterable`);
  return counted(run, source);
}

function* counted(run: Run, source: Iterable<Value>): Generator<Value> {
  for (const item of source) {
    run.budget.spend(1);
    yield item;
  }
}

/** `list(value)`, as an array that is not shared. */
export function itemsOf(run: Run, value: Value): Value[] {
  if (value instanceof List || value instanceof Tuple) {
    run.budget.spend(value.items.length);
    return [...value.items];
  }
  return [...iterate(run, value)];
}

/** `len(value)`; undefined for what has no length. */
export function sizeOf(run: Run, value: Value): number | undefined {
  if (value instanceof List || value instanceof Tuple) return value.items.length;
  if (isText(value)) {
    spendOnPoints(run, textOf(value));
    return lengthOf(textOf(value));
  }
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) {
    if (value.isStrict(run)) throw value.failure();
    return 0;
  }
  if (value instanceof TemplateObject) {
    const length = value.attribute("__len__", run);
    return typeof length === "number" ? length : undefined;
  }
  return undefined;
}

/** `bool(value)`. */
export function isTrue(run: Run, value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === null) return false;
  if (typeof value === "string") return value !== "";
  if (typeof value === "number") return value !== 0;
  if (typeof value === "bigint") return true;
  if (value instanceof Float) return value.value !== 0;
  if (isText(value)) return textOf(value) !== "";
  return sizeOf(run, value) !== 0;
}
