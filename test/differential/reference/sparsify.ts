// The sparsifiers that draw nothing: which deltas of one model stay.

import { at } from "./operands.js";

/** Marks the max(1, int(density n)) largest magnitudes; equal ones stay from the lowest index on. */
export function keepLargest(d: Float64Array, density: number): Uint8Array {
  if (density >= 1) return new Uint8Array(d.length).fill(1);
  if (density <= 0) return new Uint8Array(d.length);
  const order = ranked(d, (x, y) => y - x);
  return marked(d.length, order.subarray(0, Math.max(1, Math.trunc(density * d.length))));
}

/** Marks int(density n) magnitudes after leaving out the int(gamma n) largest; equal ones rank by index. */
export function keepInliers(d: Float64Array, density: number, gamma: number): Uint8Array {
  if (density >= 1) return new Uint8Array(d.length).fill(1);
  if (density <= 0) return new Uint8Array(d.length);
  const n = d.length;
  const target = Math.trunc(density * n);
  const top = Math.trunc(gamma * n);
  const bottom = Math.max(0, n - target - top);
  return marked(n, ranked(d, (x, y) => x - y).subarray(bottom, bottom + target));
}

/** Indices in the order of the magnitudes; a stable sort, so equal magnitudes keep the order of their indices. */
export function ranked(d: Float64Array, compare: (x: number, y: number) => number): Uint32Array {
  const magnitude = d.map(Math.abs);
  return Uint32Array.from(d.keys()).sort((i, j) => compare(at(magnitude, i), at(magnitude, j)) || i - j);
}

export function marked(n: number, indices: Uint32Array): Uint8Array {
  const mask = new Uint8Array(n);
  for (const index of indices) mask[index] = 1;
  return mask;
}
