// Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations (Golub and Van Loan, Matrix Computations, section
// 8.5): slow for large matrices, exact to the last digits for all, and in one order on every machine.

/** A matrix by its rows. */
export type Matrix = readonly (readonly number[])[];

export interface Eigen {
  readonly values: readonly number[];
  /** Column i belongs to value i. */
  readonly vectors: Matrix;
}

/** More than enough: the method converges quadratically. */
const MOST_SWEEPS = 60;

/** @param matrix symmetric; its lower half is not read */
export function symmetricEigen(matrix: Matrix): Eigen {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) set(a, i, j, at(a, j, i));
  const v = matrix.map((_, i) => matrix.map((_row, j) => (i === j ? 1 : 0)));
  const scale = Math.sqrt(a.flat().reduce((sum, one) => sum + one * one, 0));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += at(a, p, q) ** 2;
    if (Math.sqrt(off) <= 1e-16 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, p, q);
  }
  return { values: a.map((row, i) => row[i] as number), vectors: v };
}

/** Makes the entry (p, q) zero. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const entry = at(a, p, q);
  if (entry === 0) return;
  const theta = (at(a, q, q) - at(a, p, p)) / (2 * entry);
  const tangent = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (let k = 0; k < a.length; k++) turn(a, [k, p], [k, q], cosine, sine);
  for (let k = 0; k < a.length; k++) turn(a, [p, k], [q, k], cosine, sine);
  for (let k = 0; k < a.length; k++) turn(v, [k, p], [k, q], cosine, sine);
}

type Place = readonly [row: number, column: number];

function turn(m: number[][], one: Place, other: Place, cosine: number, sine: number): void {
  const [x, y] = [at(m, ...one), at(m, ...other)];
  set(m, ...one, cosine * x - sine * y);
  set(m, ...other, sine * x + cosine * y);
}

function at(m: Matrix, row: number, column: number): number {
  return (m[row] as readonly number[])[column] as number;
}

function set(m: number[][], row: number, column: number, value: number): void {
  (m[row] as number[])[column] = value;
}
