// How many rows of prompts a step reads: many enough to use the processor well, few enough that a step is short, for
// requests, cancellations and sequences that are being continued wait for its end.

import type { DecoderSpec, LayerSpec } from "../ops/specs.js";

/** Multiplications and additions that a thread does in about half a second, where the engine does not say. */
const STEP_WORK = 6e10;

/** With fewer, a step only waits for the weights to come from memory. */
const FEWEST = 64;
const MOST = { cpu: 512, gpu: 2048 } as const;

/**
 * A power of two, from the model's size, the kind of processor and the number of threads: time does not decide it, so
 * a machine always reads the same prompts in the same pieces.
 */
export function stepRowsOf(
  spec: DecoderSpec,
  {
    gpu,
    threads,
    work = STEP_WORK,
  }: { readonly gpu: boolean; readonly threads: number; readonly work?: number | undefined },
): number {
  if (gpu) return MOST.gpu;
  const workOfRow = 2 * spec.layers.reduce((sum, layer) => sum + parametersOf(layer), 0);
  const rows = 2 ** Math.floor(Math.log2((work * threads) / workOfRow));
  return Math.max(FEWEST, Math.min(MOST.cpu, rows));
}

function parametersOf({ project, output, mlp }: LayerSpec): number {
  const matrices = [...project.matrices, output.matrix, mlp.gate, mlp.up, mlp.down];
  return matrices.reduce((sum, matrix) => sum + (matrix ? matrix.out * matrix.in : 0), 0);
}
