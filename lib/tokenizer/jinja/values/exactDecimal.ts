// The exact decimal value of a float, rounded half to even as Python rounds it: for `round` and for formats with a number of
// digits. JavaScript's toFixed rounds ties upwards.

/** Beyond these, digits of a double are zeros. */
const MAX_PLACES = 1100;
const MAX_DIGITS = 770;

interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function fractionOf(value: number): Fraction {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  const exponent = (high >>> 20) & 0x7ff;
  const low = (BigInt(high & 0xfffff) << 32n) | BigInt(bits.getUint32(4));
  const mantissa = exponent === 0 ? low : low | (1n << 52n);
  const power = Math.max(exponent, 1) - 1075;
  return power >= 0
    ? { numerator: mantissa << BigInt(power), denominator: 1n }
    : { numerator: mantissa, denominator: 1n << BigInt(-power) };
}

/** a / b of numbers that are not negative, to the nearest integer, ties to the even one. */
export function divideHalfEven(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  const twice = (a % b) * 2n;
  if (twice > b || (twice === b && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
}

/**
 * A finite value without its sign as an integer count of 10^-places.
 * @param places May be negative; from -400 to MAX_PLACES.
 */
export function scaled(value: number, places: number): bigint {
  const { numerator, denominator } = fractionOf(Math.abs(value));
  const bounded = Math.min(Math.max(places, -400), MAX_PLACES);
  const factor = 10n ** BigInt(Math.abs(bounded));
  return bounded >= 0
    ? divideHalfEven(numerator * factor, denominator)
    : divideHalfEven(numerator, denominator * factor);
}

/** Digits with a point before the last `places`, as `%.nf` has them, without the sign. */
export function fixed(value: number, places: number): string {
  const known = Math.min(places, MAX_PLACES);
  const digits = String(scaled(value, known)).padStart(known + 1, "0");
  if (known === 0) return digits;
  return `${digits.slice(0, -known)}.${digits.slice(-known)}${"0".repeat(places - known)}`;
}

/** The first `count` significant digits, and the power of ten of the first. */
export function significant(value: number, count: number): { digits: string; exponent: number } {
  if (count > MAX_DIGITS) {
    const { digits, exponent } = significant(value, MAX_DIGITS);
    return { digits: digits + "0".repeat(count - MAX_DIGITS), exponent };
  }
  if (value === 0) return { digits: "0".repeat(count), exponent: 0 };
  let exponent = Math.floor(Math.log10(Math.abs(value)));
  // The logarithm may be off by one, and rounding may add a digit.
  for (let attempt = exponent + 1; attempt >= exponent - 1; attempt -= 1) {
    const digits = scaled(value, count - 1 - attempt).toString();
    if (digits.length === count && !digits.startsWith("0")) return { digits, exponent: attempt };
    if (digits.length > count) {
      exponent = attempt + 1;
      return { digits: digits.slice(0, count), exponent };
    }
  }
  const digits = scaled(value, count - 1 - exponent).toString();
  return { digits, exponent };
}
