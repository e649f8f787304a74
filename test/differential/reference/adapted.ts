// An operand as the methods see it: stored values plus what an adapter does to them, rounded, rows gathered.

import { type FloatDtype, roundTo } from "../dtypes.js";

/** A matrix in row-major order; `stored` is its transpose when `transposed`. */
export interface Factor {
  readonly stored: Float64Array;
  readonly transposed: boolean;
}

export interface Adaptation {
  readonly rows: number;
  readonly cols: number;
  readonly castTo?: FloatDtype;
  readonly lowRank?: {
    /** [rows, rank] */
    readonly left: Factor;
    /** [rank, cols] */
    readonly right: Factor;
    readonly rank: number;
    readonly scale: number;
    readonly dora?: { readonly magnitude: Float64Array; readonly axis: 0 | 1 };
  };
  readonly add?: { readonly values: Float64Array; readonly scale: number };
}

/** W + scale (left right); DoRA: magnitude / norm of it, a row (axis 1) or a column (axis 0); + scale v; rounded. */
export function adapted(w: Float64Array, { rows, cols, castTo, lowRank, add }: Adaptation): Float64Array {
  let y: Float64Array = w.slice();
  if (lowRank) {
    const { left, right, rank, scale, dora } = lowRank;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        let product = 0;
        for (let k = 0; k < rank; k++) product += entry(left, i, k, rows, rank) * entry(right, k, j, rank, cols);
        y[i * cols + j] = (y[i * cols + j] as number) + scale * product;
      }
    }
    if (dora) y = renormalized(y, rows, cols, dora.magnitude, dora.axis);
  }
  if (add) y = y.map((value, i) => value + add.scale * (add.values[i] as number));
  return castTo ? y.map((value) => roundTo(value, castTo)) : y;
}

function entry({ stored, transposed }: Factor, i: number, j: number, rows: number, cols: number): number {
  return stored[transposed ? j * rows + i : i * cols + j] as number;
}

function renormalized(y: Float64Array, rows: number, cols: number, magnitude: Float64Array, axis: 0 | 1): Float64Array {
  const along = (index: number) => (axis === 1 ? Math.floor(index / cols) : index % cols);
  const squares = new Float64Array(axis === 1 ? rows : cols);
  for (const [i, value] of y.entries()) squares[along(i)] = (squares[along(i)] as number) + value * value;
  return y.map((value, i) => ((magnitude[along(i)] as number) * value) / Math.sqrt(squares[along(i)] as number));
}

/** Row j = the mean of the listed rows [part, row]; an empty list is a row of zeros. */
export function gathered(
  parts: readonly Float64Array[],
  cols: number,
  lists: readonly (readonly (readonly [part: number, row: number])[])[],
): Float64Array {
  const y = new Float64Array(lists.length * cols);
  for (const [j, list] of lists.entries()) {
    for (let c = 0; c < cols; c++) {
      for (const [part, row] of list)
        y[j * cols + c] = (y[j * cols + c] as number) + (parts[part]?.[row * cols + c] as number);
      if (list.length > 1) y[j * cols + c] = (y[j * cols + c] as number) / list.length;
    }
  }
  return y;
}
