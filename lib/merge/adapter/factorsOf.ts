// The factors of one change, which lies in a file as a float32 matrix or is made where it is needed, by the addon.

import { runJob } from "../../addon/job.js";
import type { Addon, NativeMadeMatrix } from "../../addon/surface.js";
import { RetemperError } from "../../errors.js";
import { matrixOf } from "../../plan/parts.js";
import type { Factors, RankRule } from "./factors.js";

export interface Factoring extends RankRule {
  /** In place of the others: the lowest rank whose singular values have this share of the entropy of all. */
  readonly entropy?: number | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * PEFT's factors of a change; undefined where nothing changes.
 * @param transposed the base stores the product's transpose: embeddings, GPT-2's layers
 * @throws RetemperError BAD_INPUT that names the tensor, for values that are not finite
 */
export async function factorsOf(
  {
    name,
    shape,
    transposed,
  }: { readonly name: string; readonly shape: readonly number[]; readonly transposed: boolean },
  place: { readonly path: string; readonly offset: number } | NativeMadeMatrix,
  { rank, energy, entropy, threads = 0, signal }: Factoring,
  addon: Addon,
): Promise<Factors | undefined> {
  const { rows, cols } = matrixOf(shape);
  const most = rank ?? Math.min(rows, cols);
  const matrix = "plan" in place ? place : { ...place, rows, cols };
  const request = { ...matrix, rank: most, energy, entropy, threads };
  const found = await runJob(() => addon.factorise(request), { signal }).catch((error: unknown) => {
    throw ofTensor(error, name);
  });
  if (found.rank === 0) return undefined;
  const { left, right, rank: own, square, lost } = found;
  return transposed
    ? { a: turned(left, rows, own), b: turned(right, own, cols), rank: own, square, lost }
    : { a: right, b: left, rank: own, square, lost };
}

/** What the addon says of values, with the name of the tensor that has them. */
export function ofTensor(error: unknown, tensor: string): unknown {
  const isValues = error instanceof RetemperError && error.code === "BAD_INPUT";
  return isValues ? error.retold(error.message, { tensor, hint: "check the models for NaN and infinities" }) : error;
}

/** [rows, columns] as [columns, rows]. */
function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const made = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      made[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return made;
}
