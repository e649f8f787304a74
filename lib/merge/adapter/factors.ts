// Low-rank factors of one tensor: joined from several terms, or cut to the rank that was asked for.

import type { Dense } from "./truncatedProduct.js";
import { truncatedProduct } from "./truncatedProduct.js";

/** PEFT's B [outputs, rank] and A [rank, inputs], row by row, with what they leave of the change. */
export interface Factors {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  /** Squared Euclidean norm of the change; undefined where nothing was left out, so that nobody asked. */
  readonly square?: number | undefined;
  /** Squared norm of what B A lacks of it; 0 where nothing was left out. */
  readonly lost: number;
}

export interface RankRule {
  /** The highest rank; undefined: as high as it is. */
  readonly rank?: number | undefined;
  /** The lowest rank that keeps this share of the squared norm is enough. */
  readonly energy?: number | undefined;
}

/** B's side by side and A's one under the other: their product is the sum of the products, without cross terms. */
export function joinFactors(
  terms: readonly { readonly a: Float32Array; readonly b: Float32Array; readonly rank: number }[],
  outputs: number,
): Factors {
  const [only] = terms;
  if (only && terms.length === 1) return { ...only, lost: 0 };
  const rank = terms.reduce((sum, term) => sum + term.rank, 0);
  const a = new Float32Array(terms.reduce((sum, term) => sum + term.a.length, 0));
  const b = new Float32Array(outputs * rank);
  let [row, column] = [0, 0];
  for (const term of terms) {
    a.set(term.a, row);
    row += term.a.length;
    for (let output = 0; output < outputs; output++) {
      b.set(term.b.subarray(output * term.rank, (output + 1) * term.rank), output * rank + column);
    }
    column += term.rank;
  }
  return { a, b, rank, lost: 0 };
}

/** The nearest product of the rank that a rule allows; factors that are within it stay as they are. */
export function cutFactors(factors: Factors, rule: RankRule): Factors {
  const { a, b, rank } = factors;
  const most = Math.min(rule.rank ?? rank, rank);
  if (most === rank && rule.energy === undefined) {
    return rule.rank === undefined ? factors : { ...factors, square: squareOf(factors) };
  }
  const left: Dense = { rows: b.length / rank, columns: rank, values: b };
  const right: Dense = { rows: rank, columns: a.length / rank, values: a };
  const made = truncatedProduct(left, right, most);
  const squares = made.sizes.map((size) => size ** 2);
  return shortened(
    { a: made.a.values, b: made.b.values, rank },
    squares,
    chosenRank(squares, sum(squares), most, rule),
  );
}

/** The rank that a rule chooses. @param squares squared singular values, the largest first */
export function chosenRank(squares: readonly number[], total: number, most: number, { energy }: RankRule): number {
  if (energy === undefined) return most;
  let kept = 0;
  for (let rank = 0; rank < most; rank++) {
    if (kept >= energy * total) return Math.max(rank, 1);
    kept += squares[rank] ?? 0;
  }
  return most;
}

/** Squared norm of B A: the sum of the products of what B's columns have in common with what A's rows have. */
function squareOf({ a, b, rank }: Factors): number {
  const [outputs, inputs] = [b.length / rank, a.length / rank];
  let total = 0;
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j <= i; j++) {
      let [left, right] = [0, 0];
      for (let row = 0; row < outputs; row++) left += (b[row * rank + i] as number) * (b[row * rank + j] as number);
      for (let at = 0; at < inputs; at++) right += (a[i * inputs + at] as number) * (a[j * inputs + at] as number);
      total += (i === j ? 1 : 2) * left * right;
    }
  }
  return total;
}

/** The first columns of B and rows of A. */
function shortened(
  { a, b, rank }: { readonly a: Float32Array; readonly b: Float32Array; readonly rank: number },
  squares: readonly number[],
  to: number,
): Factors {
  const outputs = b.length / rank;
  const columns = new Float32Array(outputs * to);
  for (let output = 0; output < outputs; output++) {
    columns.set(b.subarray(output * rank, output * rank + to), output * to);
  }
  const lost = sum(squares.slice(to));
  return { a: a.slice(0, (a.length / rank) * to), b: columns, rank: to, square: sum(squares), lost };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
