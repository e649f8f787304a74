// Operators over all types: what `+`, `*` and `%` do with texts and lists, and which error Python has for the rest.

import { escapeHtml } from "../text/escapeHtml.js";
import { formatPercent } from "../text/formatPercent.js";
import { compute, type Operator, plainInteger } from "./arithmetic.js";
import { PythonError, typeError } from "./pythonError.js";
import { typeName } from "./typeName.js";
import { Undefined } from "./undefined.js";
import { Float, isInteger, isNumber, isText, List, Markup, type Run, Tuple, textOf, type Value } from "./value.js";

/** `a + b` and its kin. */
export function operate(run: Run, operator: Operator, a: Value, b: Value): Value {
  if (isNumber(a) && isNumber(b)) return compute(run, operator, a, b);
  if (a instanceof Undefined) throw a.failure();
  if (operator === "%" && isText(a)) return formatPercent(run, a, b);
  // A text that is marked safe asks for a number itself.
  if (b instanceof Undefined && !(operator === "*" && a instanceof Markup)) throw b.failure();
  const result = operator === "+" ? joined(run, a, b) : operator === "*" ? repeated(run, a, b) : undefined;
  if (result !== undefined) return result;
  const [left, right] = [typeName(a), typeName(b)];
  const name = operator === "**" ? "** or pow()" : operator;
  throw typeError(`unsupported operand type(s) for ${name}: '${left}' and '${right}'`);
}

function joined(run: Run, a: Value, b: Value): Value | undefined {
  if (isText(a) && isText(b)) {
    if (a instanceof Markup || b instanceof Markup) {
      return new Markup(run.budget.text(escapeHtml(run, a).text + escapeHtml(run, b).text));
    }
    return run.budget.text(textOf(a) + textOf(b));
  }
  if (a instanceof List && b instanceof List) return new List(together(run, a.items, b.items));
  if (a instanceof Tuple && b instanceof Tuple) return new Tuple(together(run, a.items, b.items));
  if (isText(a)) throw typeError(`can only concatenate str (not "${typeName(b)}") to str`);
  return undefined;
}

function together(run: Run, a: readonly Value[], b: readonly Value[]): Value[] {
  run.budget.spend(a.length + b.length);
  return [...a, ...b];
}

function repeated(run: Run, a: Value, b: Value): Value | undefined {
  const [sequence, count] = isSequence(a) ? [a, b] : [b, a];
  if (!isSequence(sequence)) return undefined;
  if (!isInteger(count)) throw typeError(`can't multiply sequence by non-int of type '${typeName(count)}'`);
  if (BigInt.asIntN(64, BigInt(plainInteger(count))) !== BigInt(plainInteger(count))) {
    throw new PythonError("OverflowError", "cannot fit 'int' into an index-sized integer");
  }
  const times = Math.max(0, Number(plainInteger(count)));
  if (isText(sequence)) {
    const text = textOf(sequence);
    run.budget.allow(text === "" ? 0 : text.length * times);
    const made = run.budget.text(text === "" ? "" : text.repeat(times));
    return typeof sequence === "string" ? made : new Markup(made);
  }
  const { items } = sequence;
  run.budget.spend(items.length * (items.length === 0 ? 0 : times));
  const made: Value[] = [];
  if (items.length > 0) for (let round = 0; round < times; round += 1) for (const item of items) made.push(item);
  return sequence instanceof List ? new List(made) : new Tuple(made);
}

function isSequence(value: Value): value is string | Markup | List | Tuple {
  return isText(value) || value instanceof List || value instanceof Tuple;
}

/** `-value` or `+value`. */
export function signed(run: Run, sign: "-" | "+", value: Value): Value {
  if (value instanceof Undefined) throw value.failure();
  if (!isNumber(value)) throw typeError(`bad operand type for unary ${sign}: '${typeName(value)}'`);
  if (value instanceof Float) return sign === "-" ? new Float(-value.value) : value;
  return compute(run, sign, 0, value);
}
