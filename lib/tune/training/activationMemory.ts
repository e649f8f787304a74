// How much memory the activations of a training take, and whether all of them fit.

import { availableMemory } from "../../nn/memory/machineMemory.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import type { Example } from "../data/example.js";

/** Rows (tokens) of the largest micro-batch that there could be. */
export function mostRows(examples: readonly Example[], batchSize: number): number {
  const lengths = examples.map(({ ids }) => ids.length).sort((a, b) => b - a);
  return lengths.slice(0, batchSize).reduce((sum, length) => sum + length, 0);
}

/** Share of the free memory that activations of all layers may take so that no layer is computed twice. */
const KEPT_SHARE = 0.2;

/**
 * Whether the activations of all layers of so many rows may be in memory at once.
 * @param asked the user's answer, whatever fits
 */
export function keepsActivations({ layers }: DecoderSpec, asked: boolean | undefined): (rows: number) => boolean {
  // of one row in all layers, about: what the native kernels take over from the way forward
  const rowBytes = layers.reduce((sum, { project, output, mlp }) => {
    const projected = project.matrices.reduce((width, { out }) => width + out, 0);
    return sum + 4 * (projected + output.matrix.in + 3 * output.matrix.out + (mlp.gate ? 2 : 1) * mlp.up.out);
  }, 0);
  const most = KEPT_SHARE * availableMemory();
  return (rows) => asked ?? rows * rowBytes <= most;
}
