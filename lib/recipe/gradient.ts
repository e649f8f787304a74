// Values that vary over the layers of a slice.

import type { Scalar } from "./types.js";

/**
 * The value of a gradient at t.
 *
 * With n values: s = t (n - 1), i = floor(s); numbers are linear between v[i] and v[i + 1], booleans and text step
 * (v[i]). A gradient that mixes numbers with anything else steps as well.
 *
 * @param values at least one
 * @param t position in the slice, clamped to [0, 1]: layer / (layers - 1)
 */
export function interpolateGradient(values: readonly Scalar[], t: number): Scalar {
  if (values.length === 0) throw new RangeError("a gradient needs at least one value");
  const last = values.length - 1;
  const position = Math.min(Math.max(t, 0), 1) * last;
  const index = Math.floor(position);
  const from = values[index] as Scalar;
  const to = values[Math.min(index + 1, last)] as Scalar;
  if (!values.every((value) => typeof value === "number")) return from;
  const fraction = position - index;
  // The ends are returned as they are, so that an infinite product can not turn them into NaN.
  if (fraction === 0) return from;
  return (1 - fraction) * (from as number) + fraction * (to as number);
}
