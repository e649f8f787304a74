// Filters that put items in an order.

import { withSignature } from "../values/bindArguments.js";
import { equal, ordered, sorted } from "../values/compare.js";
import { isTrue, itemsOf, iterate } from "../values/iterate.js";
import { operate } from "../values/operators.js";
import { PythonError, typeError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import { Dict, isText, List, type Native, type Run, Tuple, type Value } from "../values/value.js";
import { attributeGetter, attributesGetter, ignoringCase } from "./attributeGetter.js";

function extreme(order: "<" | ">"): Native {
  return withSignature(
    order === "<" ? "do_min" : "do_max",
    "value, case_sensitive?, attribute?",
    (run, value, sensitive = false, attribute = null) => {
      const get = attributeGetter(run, attribute, !isTrue(run, sensitive));
      let found: { item: Value; key: Value } | undefined;
      for (const item of iterate(run, value as Value)) {
        const key = get(item);
        if (found === undefined || ordered(run, order, key, found.key)) found = { item, key };
      }
      return (
        found?.item ?? (found === undefined ? new Undefined({ hint: "No aggregated item, sequence was empty." }) : null)
      );
    },
  );
}

function dictSort(run: Run, value: Value, sensitive: Value, by: Value, reverse: Value): Value {
  const at = equal(run, by, "key") ? 0 : equal(run, by, "value") ? 1 : undefined;
  if (at === undefined) {
    throw new PythonError("FilterArgumentError", 'You can only sort by either "key" or "value"');
  }
  if (value instanceof Undefined) throw value.failure();
  if (!(value instanceof Dict)) {
    throw new PythonError("AttributeError", `'${typeName(value)}' object has no attribute 'items'`);
  }
  const pairs = [...value.entries()].map((pair) => new Tuple([...pair]));
  const lower = !isTrue(run, sensitive);
  const key = ({ items }: Tuple): Value => (lower ? ignoringCase(items[at] as Value) : (items[at] as Value));
  return new List(sorted(run, pairs, key, isTrue(run, reverse)));
}

function groups(run: Run, value: Value, attribute: Value, otherwise: Value, sensitive: Value): Value {
  const lower = !isTrue(run, sensitive);
  const get = attributeGetter(run, attribute, lower, otherwise);
  const real = attributeGetter(run, attribute, false, otherwise);
  const found: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(run, itemsOf(run, value), get, false)) {
    const key = get(item);
    const previous = found.at(-1);
    if (previous !== undefined && equal(run, previous.key, key)) previous.items.push(item);
    else found.push({ key, items: [item] });
  }
  const grouper = ({ key, items }: { key: Value; items: Value[] }): Value => (lower ? real(items[0] as Value) : key);
  return new List(found.map((group) => new Tuple([grouper(group), new List(group.items)], ["grouper", "list"])));
}

function sum(run: Run, value: Value, attribute: Value, start: Value): Value {
  const get = attribute === null ? (item: Value): Value => item : attributeGetter(run, attribute);
  const items = iterate(run, value);
  if (isText(start)) throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  let total: Value = start;
  for (const item of items) total = operate(run, "+", total, get(item));
  return total;
}

export const SORTING_FILTERS: ReadonlyMap<string, Native> = new Map<string, Native>([
  [
    "sort",
    withSignature(
      "do_sort",
      "value, reverse?, case_sensitive?, attribute?",
      (run, value, reverse = false, sensitive = false, attribute = null) => {
        const get = attributesGetter(run, attribute, !isTrue(run, sensitive));
        return new List(sorted(run, itemsOf(run, value as Value), get, isTrue(run, reverse)));
      },
    ),
  ],
  ["min", extreme("<")],
  ["max", extreme(">")],
  [
    "dictsort",
    withSignature(
      "do_dictsort",
      "value, case_sensitive?, by?, reverse?",
      (run, value, sensitive = false, by = "key", reverse = false) =>
        dictSort(run, value as Value, sensitive, by, reverse),
    ),
  ],
  [
    "groupby",
    withSignature(
      "do_groupby",
      "value, attribute, default?, case_sensitive?",
      (run, value, attribute, otherwise = null, sensitive = false) =>
        groups(run, value as Value, attribute as Value, otherwise, sensitive),
    ),
  ],
  [
    "sum",
    withSignature("do_sum", "iterable, attribute?, start?", (run, value, attribute = null, start = 0) =>
      sum(run, value as Value, attribute, start),
    ),
  ],
]);
