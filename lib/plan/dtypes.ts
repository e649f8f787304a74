// Storage dtypes: which one a result gets, and when a value must be rounded as it is read.

import type { Dtype } from "../addon/dtype.js";
import type { FloatDtypeName } from "../recipe/types.js";

const BYTES: Readonly<Record<Dtype, number>> = {
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

const NAMES = {
  bfloat16: "BF16",
  float16: "F16",
  float32: "F32",
  float64: "F64",
} as const satisfies Record<FloatDtypeName, Dtype>;

/** Bytes of one stored element. */
export function elementSize(dtype: Dtype): number {
  return BYTES[dtype];
}

export function isFloat(dtype: Dtype): boolean {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16" || dtype === "F64";
}

/** The storage dtype of a name as recipes and config.json write it. */
export function storageDtype(name: FloatDtypeName): Dtype {
  return NAMES[name];
}

/** The name that config.json gives a float dtype. */
export function dtypeName(dtype: Dtype): FloatDtypeName | undefined {
  for (const [name, stored] of Object.entries(NAMES)) {
    if (stored === dtype) return name as FloatDtypeName;
  }
  return undefined;
}

/** The smallest common float dtype: equal ones stay, float64 wins, anything else meets in float32. */
export function promote(dtypes: readonly Dtype[]): Dtype {
  const [first = "F32"] = dtypes;
  if (dtypes.every((dtype) => dtype === first)) return first;
  return dtypes.includes("F64") ? "F64" : "F32";
}

/** True when some value of `from` is no value of `to`, so that reading as `to` must round. */
export function rounds(from: Dtype, to: Dtype): boolean {
  if (from === to || to === "F64") return false;
  if (to === "F32") return from === "F64";
  return true; // bfloat16 and float16 hold neither each other nor anything wider
}
