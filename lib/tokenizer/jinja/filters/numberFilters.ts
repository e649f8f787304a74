// Filters that make numbers.

import { floatDigits } from "../text/formatSpec.js";
import { parseInteger, parseReal } from "../text/numberText.js";
import { compute, plainInteger, toFloat } from "../values/arithmetic.js";
import { withSignature } from "../values/bindArguments.js";
import { equal } from "../values/compare.js";
import { divideHalfEven, fixed, scaled } from "../values/exactDecimal.js";
import { isTrue } from "../values/iterate.js";
import { operate } from "../values/operators.js";
import { isKind, PythonError, typeError, valueError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import {
  Float,
  type Integer,
  integer,
  isInteger,
  isNumber,
  isText,
  type Native,
  type Run,
  textOf,
  type Value,
} from "../values/value.js";

/** `int(value)` of what is no text. */
export function truncated(value: Value): Integer {
  if (value instanceof Undefined) throw value.failure();
  if (isInteger(value)) return plainInteger(value);
  if (!(value instanceof Float)) {
    throw typeError(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`);
  }
  if (Number.isNaN(value.value)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(value.value)) throw new PythonError("OverflowError", "cannot convert float infinity to integer");
  return integer(BigInt(Math.trunc(value.value)));
}

/** `float(value)`. */
export function floatOf(run: Run, value: Value): number {
  if (value instanceof Undefined) throw value.failure();
  if (isText(value)) return parseReal(run, textOf(value));
  if (isNumber(value)) return toFloat(value);
  throw typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
}

function toInteger(run: Run, value: Value, otherwise: Value, base: Value): Value {
  try {
    if (!isText(value)) return truncated(value);
    if (!isInteger(base)) throw typeError(`'${typeName(base)}' object cannot be interpreted as an integer`);
    return parseInteger(run, textOf(value), Number(base));
  } catch (error) {
    if (!isKind(error, "TypeError", "ValueError")) throw error;
  }
  try {
    return truncated(new Float(floatOf(run, value)));
  } catch (error) {
    if (isKind(error, "TypeError", "ValueError", "OverflowError")) return otherwise;
    throw error;
  }
}

function toFloatOr(run: Run, value: Value, otherwise: Value): Value {
  try {
    return new Float(floatOf(run, value));
  } catch (error) {
    if (isKind(error, "TypeError", "ValueError")) return otherwise;
    throw error;
  }
}

function round(run: Run, value: Value, precision: Value, method: Value): Value {
  const way = ["common", "ceil", "floor"].find((one) => equal(run, method, one));
  if (way === undefined) throw new PythonError("FilterArgumentError", "method must be common, ceil or floor");
  if (way === "common") return rounded(value, precision);
  const power = operate(run, "**", 10, precision);
  const product = operate(run, "*", value, power);
  if (!isNumber(product)) throw typeError(`must be real number, not ${typeName(product)}`);
  const whole = isInteger(product) ? product : truncated(new Float(Math[way as "ceil" | "floor"](product.value)));
  return operate(run, "/", whole, power);
}

/** `round(value, places)`: to the nearest, ties to the even one. */
function rounded(value: Value, precision: Value): Value {
  if (!isNumber(value)) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  if (precision === null) return isInteger(value) ? plainInteger(value) : nearest(value.value);
  if (!isInteger(precision)) throw typeError(`'${typeName(precision)}' object cannot be interpreted as an integer`);
  const places = Number(precision);
  if (isInteger(value)) return places >= 0 ? plainInteger(value) : roundedInteger(BigInt(plainInteger(value)), -places);
  const number = value.value;
  if (!Number.isFinite(number) || places > 330) return value;
  if (places < -330) return new Float(number * 0);
  const text = places >= 0 ? fixed(number, places) : `${scaled(number, places)}e${-places}`;
  const result = Number(text);
  if (!Number.isFinite(result)) throw new PythonError("OverflowError", "rounded value too large to represent");
  return new Float(number < 0 || Object.is(number, -0) ? -result : result);
}

function nearest(number: number): Integer {
  if (Number.isNaN(number)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(number)) throw new PythonError("OverflowError", "cannot convert float infinity to integer");
  const magnitude = scaled(number, 0);
  return integer(number < 0 ? -magnitude : magnitude);
}

function roundedInteger(value: bigint, zeros: number): Integer {
  if (zeros > 5000) return 0;
  const unit = 10n ** BigInt(zeros);
  const magnitude = divideHalfEven(value < 0n ? -value : value, unit) * unit;
  return integer(value < 0n ? -magnitude : magnitude);
}

function absolute(run: Run, value: Value): Value {
  if (!isNumber(value)) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
  if (value instanceof Float) return new Float(Math.abs(value.value));
  const whole = plainInteger(value);
  return whole < 0 ? compute(run, "-", 0, whole) : whole;
}

function fileSize(run: Run, value: Value, binary: Value): Value {
  const bytes = floatOf(run, value);
  const base = isTrue(run, binary) ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${truncated(new Float(bytes))} Bytes`;
  const prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"].map((letter) =>
    base === 1024 ? `${letter.toUpperCase()}iB` : `${letter}B`,
  );
  const at = prefixes.findIndex((_, index) => bytes < base ** (index + 2));
  const place = at < 0 ? prefixes.length - 1 : at;
  return `${floatDigits((base * bytes) / base ** (place + 2), "f", 1, false)} ${prefixes[place]}`;
}

export const NUMBER_FILTERS: ReadonlyMap<string, Native> = new Map<string, Native>([
  [
    "int",
    withSignature("do_int", "value, default?, base?", (run, value, otherwise = 0, base = 10) =>
      toInteger(run, value as Value, otherwise, base),
    ),
  ],
  [
    "float",
    withSignature("do_float", "value, default?", (run, value, otherwise = new Float(0)) =>
      toFloatOr(run, value as Value, otherwise),
    ),
  ],
  [
    "round",
    withSignature("do_round", "value, precision?, method?", (run, value, precision = 0, method = "common") =>
      round(run, value as Value, precision, method),
    ),
  ],
  ["abs", withSignature("abs", "x, /", (run, value) => absolute(run, value as Value))],
  [
    "filesizeformat",
    withSignature("do_filesizeformat", "value, binary?", (run, value, binary = false) =>
      fileSize(run, value as Value, binary),
    ),
  ],
]);
