// Eigenvalues and eigenvectors of a symmetric matrix: Householder's reflections bring it to three diagonals, implicit QL steps with
// Wilkinson's shifts to one (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.3.3). In one order on every machine.

import { RetemperError } from "../../errors.js";

/** A matrix by its rows. */
export type Matrix = readonly (readonly number[])[];

export interface Eigen {
  readonly values: readonly number[];
  /** Column i belongs to value i. */
  readonly vectors: Matrix;
}

/** Steps for one value: two are usual. */
const MOST_STEPS = 60;

/**
 * @param matrix symmetric; its lower half is not read
 * @throws RetemperError INTERNAL for a matrix with numbers that are not finite
 */
export function symmetricEigen(matrix: Matrix): Eigen {
  const n = matrix.length;
  const full = matrix.map((_, i) =>
    Float64Array.from({ length: n }, (_value, j) => matrix[Math.min(i, j)]?.[Math.max(i, j)] as number),
  );
  // row i becomes the vector of value i
  const rows = matrix.map((_, i) => Float64Array.from({ length: n }, (_value, j) => (i === j ? 1 : 0)));
  const beside = reduce(full, rows);
  const values = Float64Array.from(full, (row, i) => row[i] as number);
  for (let first = 0; first < n; first++) diagonalise(values, beside, rows, first);
  return { values: [...values], vectors: matrix.map((_, i) => rows.map((row) => row[i] as number)) };
}

/**
 * Leaves the diagonal of Q^T A Q in A, which has three, and adds Q's columns to `rows`.
 * @returns what stands beside the diagonal; its last number is 0
 */
function reduce(a: readonly Float64Array[], rows: readonly Float64Array[]): Float64Array {
  const n = a.length;
  const beside = new Float64Array(n);
  for (let k = 0; k + 1 < n; k++) {
    const v = Float64Array.from(a[k] as Float64Array);
    v.fill(0, 0, k + 1);
    const head = v[k + 1] as number;
    const rest = dot(v, v, k + 2);
    beside[k] = head;
    if (rest === 0) continue;
    const length = Math.sqrt(head * head + rest);
    beside[k] = head > 0 ? -length : length;
    v[k + 1] = head - (beside[k] as number);
    const beta = 2 / dot(v, v, k + 1);
    // A - v w^T - w v^T, with p = beta A v and w = p - (beta p.v / 2) v
    const w = new Float64Array(n);
    for (let i = k + 1; i < n; i++) w[i] = beta * dot(a[i] as Float64Array, v, k + 1);
    const half = (beta / 2) * dot(w, v, k + 1);
    addTo(w, v, -half, k + 1);
    for (let i = k + 1; i < n; i++) {
      addTo(a[i] as Float64Array, w, -(v[i] as number), k + 1);
      addTo(a[i] as Float64Array, v, -(w[i] as number), k + 1);
    }
    const sum = new Float64Array(n);
    for (let i = k + 1; i < n; i++) addTo(sum, rows[i] as Float64Array, v[i] as number, 0);
    for (let i = k + 1; i < n; i++) addTo(rows[i] as Float64Array, sum, -beta * (v[i] as number), 0);
  }
  return beside;
}

/** QL steps on what follows `first` until nothing stands beside its value; `rows` are turned with it. */
function diagonalise(values: Float64Array, beside: Float64Array, rows: readonly Float64Array[], first: number): void {
  for (let step = 0; ; step++) {
    let last = first;
    while (last + 1 < values.length && !isSmall(values, beside, last)) last++;
    if (last === first) return;
    if (step === MOST_STEPS) throw new RetemperError("INTERNAL", "the eigenvalues of a matrix were not found");
    const [own, next] = [values[first] as number, values[first + 1] as number];
    const edge = beside[first] as number;
    const ratio = (next - own) / (2 * edge);
    const shift = own - edge / (ratio + Math.sign(ratio || 1) * Math.sqrt(ratio * ratio + 1));
    let [sine, cosine, moved] = [1, 1, 0];
    let chased = (values[last] as number) - shift;
    let at = last - 1;
    for (; at >= first; at--) {
      const [f, b] = [sine * (beside[at] as number), cosine * (beside[at] as number)];
      const length = Math.sqrt(f * f + chased * chased);
      beside[at + 1] = length;
      if (length === 0) break;
      [sine, cosine] = [f / length, chased / length];
      const before = (values[at + 1] as number) - moved;
      const change = ((values[at] as number) - before) * sine + 2 * cosine * b;
      moved = sine * change;
      values[at + 1] = before + moved;
      chased = cosine * change - b;
      turn(rows[at] as Float64Array, rows[at + 1] as Float64Array, cosine, sine);
    }
    beside[last] = 0;
    if (at >= first) {
      values[at + 1] = (values[at + 1] as number) - moved;
      continue;
    }
    values[first] = (values[first] as number) - moved;
    beside[first] = chased;
  }
}

/** Whether what stands beside a value is nothing to it and the next one. */
function isSmall(values: Float64Array, beside: Float64Array, at: number): boolean {
  const size = Math.abs(values[at] as number) + Math.abs(values[at + 1] as number);
  return Math.abs(beside[at] as number) <= Number.EPSILON * size;
}

function turn(one: Float64Array, other: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < one.length; k++) {
    const [x, y] = [one[k] as number, other[k] as number];
    one[k] = cosine * x - sine * y;
    other[k] = sine * x + cosine * y;
  }
}

function dot(a: Float64Array, b: Float64Array, begin: number): number {
  let sum = 0;
  for (let k = begin; k < a.length; k++) sum += (a[k] as number) * (b[k] as number);
  return sum;
}

function addTo(to: Float64Array, from: Float64Array, factor: number, begin: number): void {
  for (let k = begin; k < to.length; k++) to[k] = (to[k] as number) + factor * (from[k] as number);
}
