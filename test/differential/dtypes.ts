// Exact conversions between stored floats and JS numbers, written for clarity and independent of the engine's own:
// round to nearest even, subnormals kept, NaN quiet.

import type { Dtype } from "../../lib/addon/dtype.js";

export type FloatDtype = "F64" | "F32" | "F16" | "BF16";

export const FLOAT_DTYPES: readonly FloatDtype[] = ["F32", "BF16", "F16", "F64"];

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** IEEE layout: exponent bits, fraction bits. */
const LAYOUT = {
  F64: { exponent: 11, fraction: 52 },
  F32: { exponent: 8, fraction: 23 },
  F16: { exponent: 5, fraction: 10 },
  BF16: { exponent: 8, fraction: 7 },
} as const;

/** The number nearest to `value` that `dtype` holds, ties to even; infinity beyond the largest. */
export function roundTo(value: number, dtype: FloatDtype): number {
  if (dtype === "F64" || value === 0 || !Number.isFinite(value)) return value;
  if (dtype === "F32") return Math.fround(value);
  const { exponent, fraction } = LAYOUT[dtype];
  const bias = 2 ** (exponent - 1) - 1;
  // Below the smallest normal number the spacing stays that of the smallest binade.
  const step = 2 ** (Math.max(binade(value), 1 - bias) - fraction);
  const rounded = roundEven(value / step) * step; // both exact: step is a power of two
  const largest = (2 - 2 ** -fraction) * 2 ** bias;
  return Math.abs(rounded) > largest ? Math.sign(value) * Number.POSITIVE_INFINITY : rounded;
}

/** floor(log2(abs(value))), exactly. */
function binade(value: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const field = (bits.getUint32(0) >>> 20) & 0x7ff;
  return field === 0 ? -1023 : field - 1023;
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return floor === 0 && x < 0 ? -0 : floor;
  return floor + 1 === 0 ? -0 : floor + 1;
}

/** Little-endian bytes of the values, each rounded to `dtype`. */
export function encode(values: ArrayLike<number>, dtype: FloatDtype): Uint8Array {
  const size = DTYPE_BYTES[dtype];
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (dtype === "F64") view.setFloat64(8 * i, value, true);
    else if (dtype === "F32") view.setFloat32(4 * i, value, true);
    else view.setUint16(2 * i, toBits16(roundTo(value, dtype), dtype), true);
  }
  return bytes;
}

/** The numbers that little-endian bytes of `dtype` stand for. */
export function decode(bytes: Uint8Array, dtype: FloatDtype): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float64Array(bytes.byteLength / DTYPE_BYTES[dtype]);
  for (let i = 0; i < values.length; i++) {
    if (dtype === "F64") values[i] = view.getFloat64(8 * i, true);
    else if (dtype === "F32") values[i] = view.getFloat32(4 * i, true);
    else values[i] = fromBits16(view.getUint16(2 * i, true), dtype);
  }
  return values;
}

/** The bit pattern of a number that the 16-bit type holds exactly. */
export function toBits16(value: number, dtype: "F16" | "BF16"): number {
  const { exponent, fraction } = LAYOUT[dtype];
  const bias = 2 ** (exponent - 1) - 1;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const infinity = (2 ** exponent - 1) << fraction;
  if (Number.isNaN(value)) return infinity | (1 << (fraction - 1));
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const field = magnitude === 0 ? 0 : Math.max(binade(magnitude) + bias, 0);
  const unit = 2 ** (Math.max(field, 1) - bias - fraction);
  const significand = magnitude / unit;
  return sign | (field === 0 ? significand : (field << fraction) + (significand - 2 ** fraction));
}

/** The number that a bit pattern of the 16-bit type stands for. */
export function fromBits16(bits: number, dtype: "F16" | "BF16"): number {
  const { exponent, fraction } = LAYOUT[dtype];
  const bias = 2 ** (exponent - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const field = (bits >> fraction) & (2 ** exponent - 1);
  const significand = bits & (2 ** fraction - 1);
  if (field === 2 ** exponent - 1) return significand === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (significand + (field === 0 ? 0 : 2 ** fraction)) * 2 ** (Math.max(field, 1) - bias - fraction);
}

/** Distance of two numbers of a 16-bit type in representable steps; -0 and 0 are the same place. */
export function stepsApart(a: number, b: number, dtype: "F16" | "BF16"): number {
  const place = (x: number) => {
    const bits = toBits16(x, dtype);
    return bits & 0x8000 ? -(bits & 0x7fff) : bits;
  };
  return Math.abs(place(a) - place(b));
}
