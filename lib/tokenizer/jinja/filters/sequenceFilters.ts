// Filters over items. Those that are generators in Python compute when their items are taken, and give them once.

import { joinTexts } from "../methods/textMethods.js";
import { compute, plainInteger } from "../values/arithmetic.js";
import { withSignature } from "../values/bindArguments.js";
import { equal, ordered } from "../values/compare.js";
import { isIterable, isTrue, itemsOf, iterate, sizeOf } from "../values/iterate.js";
import { PythonError, typeError } from "../values/pythonError.js";
import { toText } from "../values/textValue.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  DictView,
  hash,
  Iteration,
  isInteger,
  isText,
  type Keywords,
  List,
  type Native,
  Range,
  type Run,
  Tuple,
  textOf,
  type Value,
} from "../values/value.js";
import { attributeGetter } from "./attributeGetter.js";

function generator(items: Iterator<Value>): Iteration {
  return new Iteration("generator", items);
}

function notNamed(run: Run, what: "filter" | "test", name: Value): PythonError {
  return new PythonError("TemplateRuntimeError", `No ${what} named '${toText(run, name)}'.`);
}

function byName(run: Run, what: "filter" | "test", name: Value): Native {
  hash(name, run);
  const native = isText(name) ? (what === "filter" ? run.filters : run.tests).get(textOf(name)) : undefined;
  if (native === undefined) throw notNamed(run, what, name);
  return native;
}

function* mapped(run: Run, value: Value, args: readonly Value[], keywords: Keywords): Generator<Value> {
  if (!isTrue(run, value)) return;
  const map = mapping(run, args, keywords);
  for (const item of iterate(run, value)) yield map(item);
}

function mapping(run: Run, args: readonly Value[], keywords: Keywords): (item: Value) => Value {
  const attribute = keywords.get("attribute");
  if (args.length === 0 && attribute !== undefined) {
    const other = [...keywords.keys()].find((key) => key !== "attribute" && key !== "default");
    if (other !== undefined) throw new PythonError("FilterArgumentError", `Unexpected keyword argument '${other}'`);
    return attributeGetter(run, attribute, false, keywords.get("default") ?? null);
  }
  const [name, ...rest] = args;
  if (name === undefined) throw new PythonError("FilterArgumentError", "map requires a filter argument");
  return (item) => byName(run, "filter", name)(run, [item, ...rest], keywords);
}

/** `select`, `reject` and the two for attributes. */
function selecting(wanted: boolean, ofAttribute: boolean): Native {
  const selected = function* (run: Run, value: Value, args: readonly Value[], keywords: Keywords): Generator<Value> {
    if (!isTrue(run, value)) return;
    let rest = args;
    let get = (item: Value): Value => item;
    if (ofAttribute) {
      const [attribute] = args;
      if (attribute === undefined) throw new PythonError("FilterArgumentError", "Missing parameter for attribute name");
      get = attributeGetter(run, attribute);
      rest = args.slice(1);
    }
    const [name, ...others] = rest;
    const test = (item: Value): Value =>
      name === undefined ? isTrue(run, item) : byName(run, "test", name)(run, [item, ...others], keywords);
    for (const item of iterate(run, value)) if (isTrue(run, test(get(item))) === wanted) yield item;
  };
  return (run, [value, ...args], keywords) => generator(selected(run, needed(value), args, keywords));
}

function needed(value: Value | undefined): Value {
  if (value === undefined) throw typeError("missing 1 required positional argument: 'value'");
  return value;
}

function* unique(run: Run, value: Value, get: (item: Value) => Value): Generator<Value> {
  const seen = new Set<unknown>();
  for (const item of iterate(run, value)) {
    const key = hash(get(item), run);
    if (!seen.has(key)) yield item;
    seen.add(key);
  }
}

function* batches(run: Run, value: Value, count: Value, fill: Value): Generator<Value> {
  let batch: Value[] = [];
  for (const item of iterate(run, value)) {
    if (equal(run, batch.length, count)) {
      yield new List(batch);
      batch = [];
    }
    batch.push(item);
  }
  if (batch.length === 0) return;
  if (fill !== null && ordered(run, "<", batch.length, count)) {
    if (!isInteger(count)) throw typeError(`can't multiply sequence by non-int of type '${typeName(count)}'`);
    const missing = Number(count) - batch.length;
    run.budget.spend(missing);
    for (let index = 0; index < missing; index += 1) batch.push(fill);
  }
  yield new List(batch);
}

function* slices(run: Run, value: Value, count: Value, fill: Value): Generator<Value> {
  const items = itemsOf(run, value);
  if (count instanceof Undefined) throw count.failure();
  if (!isInteger(count)) {
    throw typeError(`unsupported operand type(s) for //: 'int' and '${typeName(count)}'`);
  }
  const each = compute(run, "//", items.length, count) as number;
  const extra = compute(run, "%", items.length, count) as number;
  let start = 0;
  for (let index = 0; index < Number(plainInteger(count)); index += 1) {
    run.budget.spend(1);
    const end = start + each + (index < extra ? 1 : 0);
    const slice = items.slice(start, end);
    if (fill !== null && index >= extra) slice.push(fill);
    start = end;
    yield new List(slice);
  }
}

/** `reversed(value)`; undefined for what has no order to reverse. */
function reversed(run: Run, value: Value): Value[] | undefined {
  const known =
    value instanceof List ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof DictView ||
    value instanceof Range ||
    value instanceof Undefined ||
    isText(value);
  return known ? itemsOf(run, value).reverse() : undefined;
}

function reverse(run: Run, value: Value): Value {
  if (isText(value)) {
    run.budget.spendOn(textOf(value).length * 8);
    return [...textOf(value)].reverse().join("");
  }
  const items = reversed(run, value);
  if (items !== undefined) return new Iteration(`${typeName(value)}_reverseiterator`, items.values());
  if (!isIterable(run, value)) throw new PythonError("FilterArgumentError", "argument must be iterable");
  return new List(itemsOf(run, value).reverse());
}

function first(run: Run, value: Value): Value {
  for (const item of iterate(run, value)) return item;
  return new Undefined({ hint: "No first item, sequence was empty." });
}

function last(run: Run, value: Value): Value {
  const items = reversed(run, value);
  if (items === undefined) throw typeError(`'${typeName(value)}' object is not reversible`);
  return items[0] ?? (items.length > 0 ? null : new Undefined({ hint: "No last item, sequence was empty." }));
}

function join(run: Run, value: Value, separator: Value, attribute: Value): Value {
  const get = attribute === null ? (item: Value): Value => item : attributeGetter(run, attribute);
  const texts = function* (): Generator<Value> {
    for (const item of iterate(run, value)) yield toText(run, get(item));
  };
  return joinTexts(run, toText(run, separator), texts());
}

function* pairsOf(run: Run, value: Value): Generator<Value> {
  if (value instanceof Undefined) return;
  if (!(value instanceof Dict)) throw typeError("Can only get item pairs from a mapping.");
  yield* iterate(run, new DictView(value, "items"));
}

function length(run: Run, value: Value): number {
  const size = sizeOf(run, value);
  if (size === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  return size;
}

const len = withSignature("len", "obj, /", (run, value) => length(run, value as Value));

export const SEQUENCE_FILTERS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ["map", (run, [value, ...args], keywords) => generator(mapped(run, needed(value), args, keywords))],
  ["select", selecting(true, false)],
  ["reject", selecting(false, false)],
  ["selectattr", selecting(true, true)],
  ["rejectattr", selecting(false, true)],
  [
    "unique",
    withSignature(
      "do_unique",
      "value, case_sensitive?, attribute?",
      (run, value, sensitive = false, attribute = null) =>
        generator(unique(run, value as Value, attributeGetter(run, attribute, !isTrue(run, sensitive)))),
    ),
  ],
  [
    "batch",
    withSignature("do_batch", "value, linecount, fill_with?", (run, value, count, fill = null) =>
      generator(batches(run, value as Value, count as Value, fill)),
    ),
  ],
  [
    "slice",
    withSignature("do_slice", "value, slices, fill_with?", (run, value, count, fill = null) =>
      generator(slices(run, value as Value, count as Value, fill)),
    ),
  ],
  ["reverse", withSignature("do_reverse", "value", (run, value) => reverse(run, value as Value))],
  ["first", withSignature("do_first", "seq", (run, value) => first(run, value as Value))],
  ["last", withSignature("do_last", "seq", (run, value) => last(run, value as Value))],
  ["list", withSignature("do_list", "value", (run, value) => new List(itemsOf(run, value as Value)))],
  ["items", withSignature("do_items", "value", (run, value) => generator(pairsOf(run, value as Value)))],
  [
    "join",
    withSignature("do_join", "value, d?, attribute?", (run, value, separator = "", attribute = null) =>
      join(run, value as Value, separator, attribute),
    ),
  ],
  ["length", len],
  ["count", len],
  [
    "random",
    () => {
      throw new PythonError(
        "NotImplementedError",
        "the filter random is not known here: prompts do not depend on chance",
      );
    },
  ],
]);
