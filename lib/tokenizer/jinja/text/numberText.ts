// `int(text)` and `float(text)`.

import { valueError } from "../values/pythonError.js";
import { repr } from "../values/textValue.js";
import { type Integer, integer, type Run } from "../values/value.js";
import { strip } from "./strip.js";

const PREFIXES: Readonly<Record<number, RegExp>> = { 2: /^0b_?/i, 8: /^0o_?/i, 16: /^0x_?/i };
const FLOAT =
  /^[+-]?(?:(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?|inf(?:inity)?|nan)$/i;
/** Python refuses to read integers of more digits. */
const MAX_DIGITS = 4300;

const PREFIX_OF: Readonly<Record<number, string>> = { 2: "0b", 8: "0o", 10: "", 16: "0x" };

function inBase(digits: string, radix: number): bigint {
  let value = 0n;
  for (const digit of digits) value = value * BigInt(radix) + BigInt(Number.parseInt(digit, 36));
  return value;
}

/** @throws PythonError ValueError for a text that is no integer of the base. */
export function parseInteger(run: Run, text: string, base: number): Integer {
  const failure = valueError(`invalid literal for int() with base ${base}: ${repr(run, text)}`);
  if (base !== 0 && (base < 2 || base > 36)) throw valueError("int() base must be >= 2 and <= 36, or 0");
  const trimmed = strip(text, true, true);
  const sign = /^[+-]/.test(trimmed) ? trimmed.charAt(0) : "";
  let digits = trimmed.slice(sign.length);
  let radix = base;
  if (base === 0) {
    radix = [2, 8, 16].find((one) => PREFIXES[one]?.test(digits)) ?? 10;
    if (radix === 10 && /^0[\d_]*[1-9]/.test(digits)) throw failure;
  }
  digits = digits.replace(PREFIXES[radix] ?? /^(?!)/, "");
  if (!/^[\da-z]+(?:_[\da-z]+)*$/i.test(digits)) throw failure;
  digits = digits.replaceAll("_", "");
  const prefix = PREFIX_OF[radix];
  if (digits.length > MAX_DIGITS && (prefix === undefined || radix === 10)) {
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  run.budget.spendOn(digits.length * 8);
  if (![...digits].every((digit) => Number.parseInt(digit, 36) < radix)) throw failure;
  const value = prefix === undefined ? inBase(digits, radix) : BigInt(prefix + digits);
  return integer(sign === "-" ? -value : value);
}

/** @throws PythonError ValueError for a text that is no number. */
export function parseReal(run: Run, text: string): number {
  const trimmed = strip(text, true, true);
  if (!FLOAT.test(trimmed)) throw valueError(`could not convert string to float: ${repr(run, text)}`);
  const plain = trimmed.replaceAll("_", "").toLowerCase();
  if (plain.includes("inf")) return plain.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return plain.includes("nan") ? Number.NaN : Number(plain);
}
