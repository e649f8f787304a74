// The methods of lists, tuples, ranges and dicts that change nothing.

import { withSignature } from "../values/bindArguments.js";
import { equal, same } from "../values/compare.js";
import { iterate } from "../values/iterate.js";
import { valueError } from "../values/pythonError.js";
import { repr } from "../values/textValue.js";
import { Dict, DictView, List, type Native, type Run, type Tuple, type Value } from "../values/value.js";
import { placeArgument } from "./arguments.js";

type Items = List | Tuple;

const count = withSignature("count", "self, value, /", (run, self, wanted) => {
  let found = 0;
  for (const item of iterate(run, self as Value)) if (same(run, item, wanted as Value)) found += 1;
  return found;
});

const index = withSignature("index", "self, value, start?, stop?, /", (run, self, wanted, start, stop) => {
  const { items } = self as Items;
  const from = placeArgument(start, items.length, 0);
  const to = placeArgument(stop, items.length, items.length);
  for (let at = from; at < Math.min(to, items.length); at += 1) {
    run.budget.spend(1);
    if (same(run, items[at] as Value, wanted as Value)) return at;
  }
  throw valueError(`${repr(run, wanted as Value)} is not in list`);
});

export const TUPLE_METHODS: ReadonlyMap<string, Native> = new Map([
  ["count", count],
  ["index", index],
]);

export const LIST_METHODS: ReadonlyMap<string, Native> = new Map([
  ...TUPLE_METHODS,
  ["copy", withSignature("copy", "self, /", (_, self) => new List((self as List).items))],
]);

export const RANGE_METHODS: ReadonlyMap<string, Native> = new Map([
  ["count", count],
  [
    "index",
    withSignature("index", "self, value, /", (run, self, wanted) => {
      let at = 0;
      for (const item of iterate(run, self as Value)) {
        if (equal(run, item, wanted as Value)) return at;
        at += 1;
      }
      throw valueError(`${repr(run, wanted as Value)} is not in range`);
    }),
  ],
]);

/** `dict.fromkeys`. */
export function fromKeys(run: Run, keys: Value, value: Value): Dict {
  const made = new Dict();
  for (const key of iterate(run, keys)) made.set(key, value, run);
  return made;
}

export const DICT_METHODS: ReadonlyMap<string, Native> = new Map<string, Native>([
  [
    "get",
    withSignature(
      "get",
      "self, key, default?, /",
      (run, self, key, otherwise) => (self as Dict).get(key as Value, run) ?? otherwise ?? null,
    ),
  ],
  ["keys", withSignature("keys", "self, /", (_, self) => new DictView(self as Dict, "keys"))],
  ["values", withSignature("values", "self, /", (_, self) => new DictView(self as Dict, "values"))],
  ["items", withSignature("items", "self, /", (_, self) => new DictView(self as Dict, "items"))],
  ["copy", withSignature("copy", "self, /", (run, self) => new Dict((self as Dict).entries(), run))],
  [
    "fromkeys",
    withSignature("fromkeys", "self, iterable, value?, /", (run, _, keys, value) =>
      fromKeys(run, keys as Value, value ?? null),
    ),
  ],
]);
