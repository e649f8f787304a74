// Bytes that matrices take on the disk while a method makes its inputs.

import { isLayerMatrix } from "../adapter/tensorChange.js";
import type { OutlinedMatrix } from "./types.js";

/** Those inside of layers. */
export function ofLayers(matrices: readonly OutlinedMatrix[]): OutlinedMatrix[] {
  return matrices.filter(({ name, rows, cols }) => isLayerMatrix(name, [rows, cols]));
}

export function sumOver(matrices: readonly OutlinedMatrix[], bytes: (matrix: OutlinedMatrix) => number): number {
  return matrices.reduce((sum, matrix) => sum + bytes(matrix), 0);
}

/** Factors of a rank, which lie there twice until the adapter is whole. */
export function factorBytes({ rows, cols }: OutlinedMatrix, rank: number): number {
  return 8 * (rows + cols) * Math.min(rank, rows, cols);
}

/** What a projection keeps of each change until it is known which are gated: C B of an adapter's, C D of a whole model's. */
export function projectionBytes(matrices: readonly OutlinedMatrix[]): number {
  return sumOver(ofLayers(matrices), ({ rows, cols, rank }) => 4 * rows * (rank ?? cols));
}

/** A and B of the fine-tuned adapter; 0 for a whole model. */
export function factorsOfAdapter(matrices: readonly OutlinedMatrix[]): number {
  return sumOver(matrices, ({ rows, cols, rank = 0 }) => 4 * rank * (rows + cols));
}
