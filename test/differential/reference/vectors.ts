// The tensor cut into vectors: the whole as one, one a row of the last dimension, or one a column of the first.

import { elements } from "./operands.js";

export type Axis = "flat" | "last" | "first";

/** Applies `merge` to the corresponding vectors of all sources and puts the results in their place. */
export function byVector(
  sources: readonly Float64Array[],
  shape: readonly number[],
  axis: Axis,
  merge: (vectors: Float64Array[]) => Float64Array,
): Float64Array {
  const n = elements({ shape });
  const values = new Float64Array(n);
  for (const { start, stride, count } of cut(n, shape, axis)) {
    const merged = merge(
      sources.map((x) => Float64Array.from({ length: count }, (_, k) => x[start + k * stride] as number)),
    );
    for (let k = 0; k < count; k++) values[start + k * stride] = merged[k] as number;
  }
  return values;
}

function cut(n: number, shape: readonly number[], axis: Axis): { start: number; stride: number; count: number }[] {
  if (n === 0) return [];
  if (axis === "flat") return [{ start: 0, stride: 1, count: n }];
  if (axis === "last") {
    const count = shape.at(-1) ?? 1;
    return Array.from({ length: n / count }, (_, row) => ({ start: row * count, stride: 1, count }));
  }
  const count = shape[0] ?? 1;
  const rest = n / count;
  return Array.from({ length: rest }, (_, column) => ({ start: column, stride: rest, count }));
}
