// `==`, `<` and `in` as Python compares: over types, with numbers and booleans alike, and errors where there is no order.

import { compareTexts } from "../text/codePoints.js";
import { iterate } from "./iterate.js";
import { typeError } from "./pythonError.js";
import { viewItems } from "./textValue.js";
import { typeName } from "./typeName.js";
import { Undefined } from "./undefined.js";
import {
  Dict,
  DictView,
  Float,
  hash,
  isNumber,
  isText,
  List,
  Markup,
  Range,
  type Run,
  Tuple,
  textOf,
  type Value,
} from "./value.js";

/**
 * `a == b`.
 * @throws PythonError UndefinedError for what is not there, where templates are strict.
 */
export function equal(run: Run, a: Value, b: Value): boolean {
  if (typeof a === "string" && typeof b === "string") return sameText(run, a, b);
  if (run.strict) for (const one of [a, b]) if (one instanceof Undefined && one.isStrict(run)) throw one.failure();
  if (isNumber(a)) return isNumber(b) && sameNumber(plain(a), plain(b));
  if (isText(a)) return isText(b) && sameText(run, textOf(a), textOf(b));
  if (a instanceof List) return b instanceof List && sameItems(run, a.items, b.items);
  if (a instanceof Tuple) return b instanceof Tuple && sameItems(run, a.items, b.items);
  if (a instanceof Dict) return b instanceof Dict && sameEntries(run, a, b);
  if (a instanceof Undefined) return b instanceof Undefined;
  if (a instanceof Range) return b instanceof Range && hash(a) === hash(b);
  if (a instanceof DictView && a.part !== "values") return b instanceof DictView && sameSets(run, a, b);
  return a === b;
}

/** As containers compare their items: an object is always equal to itself. */
export function same(run: Run, a: Value, b: Value): boolean {
  return a === b || equal(run, a, b);
}

function plain(value: boolean | number | bigint | Float): number | bigint {
  if (value instanceof Float) return value.value;
  return typeof value === "boolean" ? Number(value) : value;
}

function sameText(run: Run, a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  run.budget.spendOn(a.length);
  return a === b;
}

function sameNumber(a: number | bigint, b: number | bigint): boolean {
  return a <= b && a >= b;
}

function sameItems(run: Run, a: readonly Value[], b: readonly Value[]): boolean {
  if (a.length !== b.length) return false;
  run.budget.enter();
  const result = a.every((item, index) => {
    run.budget.spend(1);
    return same(run, item, b[index] as Value);
  });
  run.budget.leave();
  return result;
}

function sameEntries(run: Run, a: Dict, b: Dict): boolean {
  if (a.size !== b.size) return false;
  run.budget.enter();
  let result = true;
  for (const [key, value] of a.entries()) {
    run.budget.spend(1);
    const other = b.get(key, run);
    result &&= other !== undefined && same(run, value, other);
    if (!result) break;
  }
  run.budget.leave();
  return result;
}

function sameSets(run: Run, a: DictView, b: DictView): boolean {
  if (b.part === "values" || a.dict.size !== b.dict.size) return false;
  for (const item of viewItems(a)) if (!contains(run, b, item)) return false;
  return true;
}

export type Order = "<" | "<=" | ">" | ">=";

/**
 * `a < b` and its kin.
 * @throws PythonError TypeError for what has no order, UndefinedError for what is not there.
 */
export function ordered(run: Run, order: Order, a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return holds(order, plain(a), plain(b));
  if (isText(a) && isText(b)) {
    run.budget.spendOn(textOf(a).length + textOf(b).length);
    return holds(order, compareTexts(textOf(a), textOf(b)), 0);
  }
  if ((a instanceof List && b instanceof List) || (a instanceof Tuple && b instanceof Tuple)) {
    for (let index = 0; index < a.items.length && index < b.items.length; index += 1) {
      run.budget.spend(1);
      const [left, right] = [a.items[index] as Value, b.items[index] as Value];
      if (!same(run, left, right)) return ordered(run, order, left, right);
    }
    return holds(order, a.items.length, b.items.length);
  }
  if (a instanceof Undefined) throw a.failure();
  if (b instanceof Undefined) throw b.failure();
  throw typeError(`'${order}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function holds(order: Order, a: number | bigint, b: number | bigint): boolean {
  if (order === "<") return a < b;
  if (order === "<=") return a <= b;
  return order === ">" ? a > b : a >= b;
}

/**
 * `item in container`.
 * @throws PythonError TypeError for what holds nothing, or for what is no text where a text is searched.
 */
export function contains(run: Run, container: Value, item: Value): boolean {
  if (isText(container)) {
    if (!isText(item)) throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    run.budget.spendOn(textOf(container).length);
    return textOf(container).includes(textOf(item));
  }
  if (container instanceof Undefined && container.isStrict(run)) throw container.failure();
  if (container instanceof Dict) return container.get(item, run) !== undefined;
  if (container instanceof DictView && container.part === "keys") return container.dict.get(item, run) !== undefined;
  if (container instanceof DictView && container.part === "items") {
    if (!(item instanceof Tuple) || item.items.length !== 2) return false;
    const [key, value] = item.items as [Value, Value];
    const found = container.dict.get(key, run);
    return found !== undefined && same(run, found, value);
  }
  for (const one of memberSource(run, container)) if (same(run, one, item)) return true;
  return false;
}

function memberSource(run: Run, container: Value): Iterable<Value> {
  if (container instanceof List || container instanceof Tuple) {
    run.budget.spendOn(container.items.length);
    return container.items;
  }
  try {
    return iterate(run, container);
  } catch {
    throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  }
}

/** `sorted(items, key)`: stable, and with the errors of `<`. */
export function sorted<Item>(run: Run, items: readonly Item[], keyOf: (item: Item) => Value, reverse: boolean): Item[] {
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  const before = (a: Value, b: Value): boolean => {
    run.budget.spend(1);
    return ordered(run, "<", a, b);
  };
  // Python compares even two items of which it knows nothing yet; a sort by "less" alone asks for the same errors.
  const compare = (a: { key: Value }, b: { key: Value }): number => {
    if (before(a.key, b.key)) return -1;
    return before(b.key, a.key) ? 1 : 0;
  };
  if (!reverse) return keyed.sort(compare).map(({ item }) => item);
  return keyed
    .reverse()
    .sort(compare)
    .reverse()
    .map(({ item }) => item);
}

/** Whether a value is marked safe. */
export function isMarked(value: Value): value is Markup {
  return value instanceof Markup;
}
