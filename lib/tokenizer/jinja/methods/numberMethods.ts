// The methods and attributes of numbers.

import { plainInteger } from "../values/arithmetic.js";
import { withSignature } from "../values/bindArguments.js";
import { PythonError } from "../values/pythonError.js";
import { Float, type Integer, integer, isInteger, type Native, Tuple, type Value } from "../values/value.js";

const bits = (value: Value | undefined): string => {
  const number = BigInt(plainInteger(value as Integer));
  return (number < 0n ? -number : number).toString(2);
};

export const INTEGER_METHODS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ["bit_length", withSignature("bit_length", "self, /", (_, self) => (bits(self) === "0" ? 0 : bits(self).length))],
  ["bit_count", withSignature("bit_count", "self, /", (_, self) => bits(self).replaceAll("0", "").length)],
  ["conjugate", withSignature("conjugate", "self, /", (_, self) => plainInteger(self as Integer))],
  [
    "as_integer_ratio",
    withSignature("as_integer_ratio", "self, /", (_, self) => new Tuple([plainInteger(self as Integer), 1])),
  ],
]);

function ratio(value: number): Tuple {
  if (!Number.isFinite(value)) {
    const kind = Number.isNaN(value) ? "ValueError" : "OverflowError";
    throw new PythonError(kind, `cannot convert ${Number.isNaN(value) ? "NaN" : "Infinity"} to integer ratio`);
  }
  let denominator = 1n;
  let numerator = value;
  while (!Number.isInteger(numerator)) {
    numerator *= 2;
    denominator *= 2n;
  }
  return new Tuple([integer(BigInt(numerator)), integer(denominator)]);
}

export const FLOAT_METHODS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ["is_integer", withSignature("is_integer", "self, /", (_, self) => Number.isInteger((self as Float).value))],
  ["conjugate", withSignature("conjugate", "self, /", (_, self) => self as Value)],
  ["as_integer_ratio", withSignature("as_integer_ratio", "self, /", (_, self) => ratio((self as Float).value))],
]);

/** Attributes of numbers that are values. */
export function numberAttribute(value: Integer | boolean | Float, name: string): Value | undefined {
  if (name === "real") return isInteger(value) ? plainInteger(value) : value;
  if (name === "imag") return isInteger(value) ? 0 : new Float(0);
  if (!isInteger(value)) return undefined;
  if (name === "numerator") return plainInteger(value);
  return name === "denominator" ? 1 : undefined;
}
