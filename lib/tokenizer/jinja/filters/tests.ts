// The tests of `is`.

import { EVERY } from "../text/characters.js";
import { withSignature } from "../values/bindArguments.js";
import { contains, equal, type Order, ordered } from "../values/compare.js";
import { isIterable, sizeOf } from "../values/iterate.js";
import { operate } from "../values/operators.js";
import { toText } from "../values/textValue.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  DictView,
  Float,
  hash,
  Iteration,
  isInteger,
  isNumber,
  isText,
  Markup,
  type Native,
  type Run,
  TemplateObject,
  textOf,
  type Value,
} from "../values/value.js";

function of(name: string, test: (value: Value, run: Run) => boolean): [string, Native] {
  return [name, withSignature(name, "value", (run, value) => test(value as Value, run))];
}

function remainder(name: string, wanted: number): [string, Native] {
  return of(name, (value, run) => equal(run, operate(run, "%", value, 2), wanted));
}

function pair(name: string, test: (run: Run, a: Value, b: Value) => boolean): Native {
  return withSignature(name, "a, b, /", (run, a, b) => test(run, a as Value, b as Value));
}

const eq = pair("eq", equal);
const ne = pair("ne", (run, a, b) => !equal(run, a, b));
const order = (sign: Order): Native => pair(sign, (run, a, b) => ordered(run, sign, a, b));
const [lt, le, gt, ge] = (["<", "<=", ">", ">="] as const).map(order) as [Native, Native, Native, Native];

/** The same object; values that Python makes new each time are the same where they are equal. */
function same(run: Run, a: Value, b: Value): boolean {
  if (typeof a === "object" && a !== null) return a === b;
  return typeof a === typeof b && equal(run, a, b);
}

function isSequence(value: Value, run: Run): boolean {
  if (value instanceof DictView || value instanceof Iteration || value instanceof TemplateObject) return false;
  if (value instanceof Undefined) return !value.isStrict(run); // its length is an error then, which Python takes for "no"
  return sizeOf(run, value) !== undefined;
}

function isKnown(which: "filters" | "tests"): (value: Value, run: Run) => boolean {
  return (value, run) => {
    hash(value, run);
    return isText(value) && run[which].has(textOf(value));
  };
}

export const TESTS: ReadonlyMap<string, Native> = new Map<string, Native>([
  remainder("odd", 1),
  remainder("even", 0),
  [
    "divisibleby",
    withSignature("test_divisibleby", "value, num", (run, value, by) =>
      equal(run, operate(run, "%", value as Value, by as Value), 0),
    ),
  ],
  of("defined", (value) => !(value instanceof Undefined)),
  of("undefined", (value) => value instanceof Undefined),
  of("filter", isKnown("filters")),
  of("test", isKnown("tests")),
  of("none", (value) => value === null),
  of("boolean", (value) => typeof value === "boolean"),
  of("false", (value) => value === false),
  of("true", (value) => value === true),
  of("integer", (value) => isInteger(value) && typeof value !== "boolean"),
  of("float", (value) => value instanceof Float),
  of("lower", (value, run) => EVERY.islower?.(run.budget.text(toText(run, value))) ?? false),
  of("upper", (value, run) => EVERY.isupper?.(run.budget.text(toText(run, value))) ?? false),
  of("string", (value) => isText(value)),
  of("mapping", (value) => value instanceof Dict),
  of("number", (value) => isNumber(value)),
  of("sequence", isSequence),
  of("iterable", (value, run) => isIterable(run, value)),
  of("callable", (value) => value instanceof Undefined || (value instanceof TemplateObject && value.callable)),
  [
    "sameas",
    withSignature("test_sameas", "value, other", (run, value, other) => same(run, value as Value, other as Value)),
  ],
  of("escaped", (value) => value instanceof Markup),
  [
    "in",
    withSignature("test_in", "value, seq", (run, value, container) =>
      contains(run, container as Value, value as Value),
    ),
  ],
  ["==", eq],
  ["eq", eq],
  ["equalto", eq],
  ["!=", ne],
  ["ne", ne],
  [">", gt],
  ["gt", gt],
  ["greaterthan", gt],
  ["ge", ge],
  [">=", ge],
  ["<", lt],
  ["lt", lt],
  ["lessthan", lt],
  ["<=", le],
  ["le", le],
]);
