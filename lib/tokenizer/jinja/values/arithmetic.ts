// Arithmetic on numbers: integers of any size, floats, and Python's rule that a remainder has the divisor's sign.

import { PythonError } from "./pythonError.js";
import { Float, type Integer, integer, isInteger, type Run, type Value } from "./value.js";

export type Operator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** The largest power that is computed, in bits. */
const MAX_BITS = 262_144;

type Numeric = Integer | boolean | Float;

/** Two numbers, as Python computes with them. */
export function compute(run: Run, operator: Operator, a: Numeric, b: Numeric): Value {
  if (isInteger(a) && isInteger(b)) return onIntegers(run, operator, plainInteger(a), plainInteger(b));
  return onFloats(operator, toFloat(a), toFloat(b));
}

export function plainInteger(value: Integer | boolean): Integer {
  return typeof value === "boolean" ? Number(value) : value;
}

/** `float(value)` of a number. */
export function toFloat(value: Numeric): number {
  if (value instanceof Float) return value.value;
  const result = Number(value);
  if (!Number.isFinite(result)) throw new PythonError("OverflowError", "int too large to convert to float");
  return result;
}

function onIntegers(run: Run, operator: Operator, a: Integer, b: Integer): Value {
  if (typeof a === "number" && typeof b === "number") {
    const result = onSmall(operator, a, b);
    if (result !== undefined) return result;
  }
  const [left, right] = [BigInt(a), BigInt(b)];
  allowBits(run, Math.max(bitsOf(left), bitsOf(right)));
  run.budget.spendOn(bitsOf(left) + bitsOf(right));
  switch (operator) {
    case "+":
      return integer(left + right);
    case "-":
      return integer(left - right);
    case "*":
      allowBits(run, bitsOf(left) + bitsOf(right));
      return integer(left * right);
    case "**":
      return power(run, left, right);
    default:
  }
  if (right === 0n) throw divisionByZero(operator, false);
  if (operator === "/") return quotient(left, right);
  const rest = left % right;
  const modulo = rest !== 0n && rest < 0n !== right < 0n ? rest + right : rest;
  return integer(operator === "%" ? modulo : (left - modulo) / right);
}

/** Where the result is exact in JavaScript's numbers; undefined elsewhere. */
function onSmall(operator: Operator, a: number, b: number): Value | undefined {
  let result: number;
  switch (operator) {
    case "+":
      result = a + b;
      break;
    case "-":
      result = a - b;
      break;
    case "*":
      result = a * b;
      break;
    case "/":
      return b === 0 ? undefined : new Float(a / b);
    default: {
      if (operator === "**" || b === 0) return undefined;
      const rest = a % b;
      const modulo = rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
      result = operator === "%" ? modulo : (a - modulo) / b;
      if (!Number.isSafeInteger(a - modulo)) return undefined;
    }
  }
  return Number.isSafeInteger(result) ? result + 0 : undefined;
}

/** The quotient of large integers, to the nearest float. */
function quotient(a: bigint, b: bigint): Float {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isFinite(x) && Number.isFinite(y)) return new Float(x / y);
  const shift = BigInt(Math.max(bitsOf(a), bitsOf(b)) - 1000);
  const [left, right] = [Number(a >> shift), Number(b >> shift)];
  if (right === 0) throw new PythonError("OverflowError", "integer division result too large for a float");
  return new Float(left / right);
}

function power(run: Run, base: bigint, exponent: bigint): Value {
  if (exponent < 0n) {
    if (base === 0n) throw divisionByZero("**", false);
    return new Float(toFloat(integer(base)) ** Number(exponent));
  }
  if (base === 0n || base === 1n || base === -1n) return integer(base ** (exponent === 0n ? 0n : 2n - (exponent % 2n)));
  const bits = BigInt(bitsOf(base)) * exponent;
  allowBits(run, bits > BigInt(MAX_BITS) ? Number.POSITIVE_INFINITY : Number(bits));
  run.budget.spendOn(Number(bits));
  return integer(base ** exponent);
}

function bitsOf(value: bigint): number {
  return (value < 0n ? -value : value).toString(16).length * 4;
}

function allowBits(run: Run, bits: number): void {
  if (bits > MAX_BITS) throw run.budget.exceeded(`computes an integer of more than ${MAX_BITS} bits`);
}

function onFloats(operator: Operator, a: number, b: number): Value {
  switch (operator) {
    case "+":
      return new Float(a + b);
    case "-":
      return new Float(a - b);
    case "*":
      return new Float(a * b);
    case "**":
      return floatPower(a, b);
    default:
  }
  if (b === 0) throw divisionByZero(operator, true);
  if (operator === "/") return new Float(a / b);
  let modulo = a % b;
  if (modulo === 0) modulo = b < 0 ? -0 : 0;
  else if (b < 0 !== modulo < 0) modulo += b;
  if (operator === "%") return new Float(modulo);
  return new Float(floorQuotient(a, b));
}

function floorQuotient(a: number, b: number): number {
  let modulo = a % b;
  let result = (a - modulo) / b;
  if (modulo !== 0 && b < 0 !== modulo < 0) {
    modulo += b;
    result -= 1;
  }
  if (result === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(result);
  return result - floor > 0.5 ? floor + 1 : floor;
}

function floatPower(a: number, b: number): Value {
  if (a === 0 && b < 0) throw divisionByZero("**", true);
  // JavaScript's power of 1 to infinity is NaN; Python's is 1.
  if (a === 1 || b === 0) return new Float(1);
  if (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) return new Float(1);
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) {
    throw new PythonError("NotImplementedError", "complex numbers are not known here");
  }
  const result = a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw new PythonError("OverflowError", "(34, 'Numerical result out of range')");
  }
  return new Float(result);
}

function divisionByZero(operator: Operator, float: boolean): PythonError {
  if (operator === "**") return new PythonError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (operator === "/")
    return new PythonError("ZeroDivisionError", float ? "float division by zero" : "division by zero");
  if (float)
    return new PythonError("ZeroDivisionError", operator === "%" ? "float modulo" : "float floor division by zero");
  return new PythonError(
    "ZeroDivisionError",
    operator === "%" ? "integer modulo by zero" : "integer division or modulo by zero",
  );
}
