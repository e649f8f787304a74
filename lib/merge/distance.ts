// How far checkpoints lie from each other: Euclidean distances over all their tensors.

import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { NativeCompareTensor } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import { RetemperError } from "../errors.js";
import { type DistanceOptions, openCompared } from "./openCompared.js";

/**
 * Euclidean distances between models, computed on their stored values (base + adapter in float32) and summed in float64.
 *
 * The models must fit each other as the inputs of a merge must. Tensors that only some of them store (a head under tied
 * embeddings) do not count, nor do integer buffers, which must be equal.
 * @param models two or more references, as recipes have them
 * @returns a symmetric matrix in the order of `models`, with a diagonal of zeros
 * @throws RetemperError as opening and planning a merge do; USAGE for fewer than two models
 * @example
 * ```ts
 * import { distances } from "retemper";
 *
 * const matrix = await distances(["models/aligned", "models/aligned+models/adapter"]);
 * console.log(matrix.map((row) => row.map((value) => value > 0))); // [ [ false, true ], [ true, false ] ]
 * ```
 */
export async function distances(models: readonly string[], options: DistanceOptions = {}): Promise<number[][]> {
  if (models.length < 2) throw new RetemperError("USAGE", "distances are between two models or more");
  const { signal, threads = 0 } = options;
  signal?.throwIfAborted();
  const addon = loadAddon();
  const compared = await openCompared(models, options, addon);
  const tensors = compared.tensors.map(({ name, sources, shape }): NativeCompareTensor => {
    return { name, sources, count: elementsOf({ shape }) };
  });

  const squares = await runJob(() => addon.compare({ inputs: compared.inputs, tensors, threads }), { signal });
  return matrix(models.length, squares);
}

/** Roots of the sums over all tensors; `squares[tensor]` lists the pairs (i, j) with i < j in order. */
function matrix(size: number, squares: readonly (readonly number[])[]): number[][] {
  const result = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  let pair = 0;
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++, pair++) {
      const sum = squares.reduce((total, tensor) => total + (tensor[pair] ?? 0), 0);
      for (const [a, b] of [
        [i, j],
        [j, i],
      ] as const) {
        (result[a] as number[])[b] = Math.sqrt(sum);
      }
    }
  }
  return result;
}
