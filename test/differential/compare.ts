// When the engine's tensor counts as the reference's, and how a difference is told.

import { expect } from "vitest";
import { decode, type FloatDtype, roundTo, stepsApart } from "./dtypes.js";
import type { Expected } from "./reference/operands.js";

/** Largest difference as a share of the tensor's largest magnitude. */
export const TOLERANCE = { F32: 2e-6, F64: 1e-11 } as const;

/**
 * Fails unless every element is within the tolerance of the compute dtype, or one step of a 16-bit output dtype,
 * or as infinite or NaN as expected. Elements that the reference is unsure of may be a few: at most 1 in 100.
 */
export function expectClose(
  bytes: Uint8Array,
  outDtype: FloatDtype,
  { values, unsure }: Expected,
  compute: "F32" | "F64",
  what: string,
): void {
  const got = decode(bytes, outDtype);
  expect(got.length, `${what}: elements`).toBe(values.length);
  const wide = outDtype === "F64" && compute === "F64";
  const allowed = largest(values) * (wide ? TOLERANCE.F64 : TOLERANCE.F32);
  let skipped = 0;
  for (let i = 0; i < got.length; i++) {
    const want = values[i] as number;
    if (matches(got[i] as number, want, outDtype, allowed)) continue;
    if (unsure?.[i]) skipped++;
    else expect.fail(`${what}: element ${i} of ${got.length} is ${got[i]}, expected ${want} within ${allowed}`);
  }
  if (skipped > Math.max(1, got.length / 100)) expect.fail(`${what}: ${skipped} of ${got.length} hang on rounding`);
}

function matches(got: number, want: number, dtype: FloatDtype, allowed: number): boolean {
  const rounded = roundTo(want, dtype);
  if (Object.is(got, rounded) || got === rounded) return true;
  if (Number.isNaN(got) || Number.isNaN(rounded)) return false;
  if ((dtype === "F16" || dtype === "BF16") && stepsApart(got, rounded, dtype) <= 1) return true;
  return Number.isFinite(got) && Number.isFinite(rounded) && Math.abs(got - want) <= allowed;
}

function largest(values: Float64Array): number {
  return values.reduce((max, value) => (Number.isFinite(value) ? Math.max(max, Math.abs(value)) : max), 0);
}
