// Arguments of methods, as the types that they must have.

import { plainInteger } from "../values/arithmetic.js";
import { typeError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import { isInteger, isText, textOf, type Value } from "../values/value.js";

/** A text. */
export function textArgument(value: Value | undefined): string {
  if (isText(value)) return textOf(value);
  throw typeError(`argument must be str, not ${typeName(value ?? null)}`);
}

/** A text, or what stands for its absence. */
export function optionalText(value: Value | undefined): string | undefined {
  return value === undefined || value === null ? undefined : textArgument(value);
}

/** An integer. */
export function integerArgument(value: Value | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (value instanceof Undefined || !isInteger(value)) {
    throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  }
  return Number(plainInteger(value));
}

/** A place in something of a length, as Python takes `start` and `end`. */
export function placeArgument(value: Value | undefined, length: number, otherwise: number): number {
  if (value === undefined || value === null) return otherwise;
  if (!isInteger(value)) throw typeError("slice indices must be integers or None or have an __index__ method");
  const place = Number(plainInteger(value));
  return Math.max(0, place < 0 ? place + length : place);
}
