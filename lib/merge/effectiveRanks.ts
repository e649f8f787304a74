// Effective ranks of changes: the engine writes them as float32 matrices, a few at a time, and the addon finds the singular
// values of each.

import { rm } from "node:fs/promises";
import { runJob } from "../addon/job.js";
import type { NativeInput } from "../addon/nativePlan.js";
import type { Addon } from "../addon/surface.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import { RetemperError } from "../errors.js";
import { matrixOf } from "../plan/parts.js";
import type { DraftTensor } from "../plan/tensors.js";
import { EngineTensors } from "./adapter/engineTensors.js";
import { isLayerMatrix } from "./adapter/tensorChange.js";
import type { DistanceOptions } from "./openCompared.js";

/** Bytes of float32 values that are written at a time, unless one matrix has more. */
const AT_ONCE = 256 << 20;

interface Change {
  /** Of the tensor, and which of its changes it is: 0 for D, 1 for V. */
  readonly at: number;
  readonly which: number;
  readonly draft: DraftTensor;
}

/**
 * @param tensors with sources A, F and perhaps U
 * @param folder an empty one of the caller's
 * @returns of each tensor the effective ranks of F - A and A - U; undefined where it is no matrix of a layer, or did not change
 */
export async function effectiveRanks(
  tensors: readonly DraftTensor[],
  inputs: readonly NativeInput[],
  folder: string,
  { signal, threads = 0 }: DistanceOptions,
  addon: Addon,
): Promise<(number | undefined)[][]> {
  const found = tensors.map((): (number | undefined)[] => []);
  const all = tensors.flatMap((tensor, at): Change[] => {
    if (!isLayerMatrix(tensor.name, tensor.shape)) return [];
    const [a, f, u] = tensor.sources as [
      DraftTensor["sources"][0],
      DraftTensor["sources"][0],
      (typeof tensor.sources)[0]?,
    ];
    const draft = (sources: DraftTensor["sources"]): DraftTensor => ({
      ...tensor,
      ...{ outDtype: "F32", sources, modelKeys: [0, 1], models: [] },
      params: { op: "linear", weights: [1, -1], normalize: false },
    });
    return [{ at, which: 0, draft: draft([f, a]) }, ...(u ? [{ at, which: 1, draft: draft([a, u]) }] : [])];
  });
  for (const group of groups(all)) {
    signal?.throwIfAborted();
    const drafts = group.map(({ draft }) => draft);
    const run = { options: { signal, threads }, addon, made: () => {} };
    const written = await EngineTensors.write(folder, "changes", drafts, inputs, run);
    const width = threads || addon.describe().threads;
    const queue = [...group.entries()];
    const stop = new AbortController();
    const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const parallel = Math.min(width, queue.length);
    // One thread a matrix where there are matrices enough: the work on its triangle comes in short pieces, between which threads wait.
    const worker = async (_: unknown, own: number) => {
      const share = Math.floor(width / parallel) + (own < width % parallel ? 1 : 0);
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [place, { at, which, draft }] = next;
        const matrix = { offset: written.offset(place), ...matrixOf(draft.shape) };
        const request = { path: written.path, matrix, threads: share };
        const squares = await runJob(() => addon.spectrum(request), { signal: both }).catch((error: unknown) => {
          const isValues = error instanceof RetemperError && error.code === "BAD_INPUT";
          throw isValues ? error.retold(error.message, { tensor: draft.name, hint: NOT_FINITE }) : error;
        });
        (found[at] as (number | undefined)[])[which] = effectiveRank(squares);
      }
    };
    const workers = Array.from({ length: parallel }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      stop.abort();
      await Promise.allSettled(workers); // the others read the file that the caller then removes
      throw error;
    }
    await rm(written.path, { force: true });
  }
  return found;
}

/** The hint where they are not. */
export const NOT_FINITE = "check the models for NaN and infinities";

/**
 * e to the entropy of shares.
 * @param squares squared singular values
 * @returns undefined where all are 0
 */
export function effectiveRank(squares: Float64Array): number | undefined {
  const sum = squares.reduce((total, one) => total + one, 0);
  if (sum === 0) return undefined;
  let entropy = 0;
  for (const square of squares) if (square > 0) entropy -= (square / sum) * Math.log(square / sum);
  return Math.exp(entropy);
}

function groups(changes: readonly Change[]): Change[][] {
  const made: Change[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const change of changes) {
    const bytes = 4 * elementsOf(change.draft);
    if (filled + bytes > AT_ONCE) {
      made.push([]);
      filled = 0;
    }
    made.at(-1)?.push(change);
    filled += bytes;
  }
  return made;
}
