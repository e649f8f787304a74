// The sparsifiers that draw nothing: which deltas of one model stay.

import { at } from "./operands.js";

/** Marks the max(1, int(density n)) largest magnitudes; equal ones stay from the lowest index on. */
export function keepLargest(d: Float64Array, density: number): Uint8Array {
  if (density >= 1) return new Uint8Array(d.length).fill(1);
  if (density <= 0) return new Uint8Array(d.length);
  return keepFirst(d.map(Math.abs), Math.max(1, Math.trunc(density * d.length)));
}

/** Marks int(density n) magnitudes after leaving out the int(gamma n) largest; equal ones rank by index. */
export function keepInliers(d: Float64Array, density: number, gamma: number): Uint8Array {
  if (density >= 1) return new Uint8Array(d.length).fill(1);
  if (density <= 0) return new Uint8Array(d.length);
  const n = d.length;
  const target = Math.trunc(density * n);
  const bottom = Math.max(0, n - target - Math.trunc(gamma * n));
  const ascending = d.map((value) => -Math.abs(value));
  const below = keepFirst(ascending, bottom);
  return keepFirst(ascending, bottom + target).map((kept, i) => (kept && !below[i] ? 1 : 0));
}

/** Marks the first `count` values in the order (value descending, index ascending). */
export function keepFirst(values: Float64Array, count: number): Uint8Array {
  const mask = new Uint8Array(values.length);
  if (count <= 0) return mask;
  const last = at(values.slice().sort(), values.length - count);
  let equal = count - values.filter((value) => value > last).length; // of those equal to the last, the first few
  for (const [i, value] of values.entries()) {
    if (value > last || (value === last && equal-- > 0)) mask[i] = 1;
  }
  return mask;
}
