// Log-probabilities of single tokens, from a row of logits.

import { topValues } from "../sampling/topK.js";
import type { TokenLogprob } from "../types.js";

/**
 * log(softmax(row)[id]) = row[id] - max - log(sum exp(row - max)), summed in float64 in the order of the ids, so that a row
 * gives the same number wherever it is computed.
 */
export function logProbability(row: Float32Array, id: number): number {
  const { most, logSum } = normaliserOf(row);
  return (row[id] as number) - most - logSum;
}

/** Of several tokens of one row, or of all of them: what `logProbability` gives for each. */
export function logProbabilities(row: Float32Array, ids: readonly number[] | "all"): Float32Array<ArrayBuffer> {
  const { most, logSum } = normaliserOf(row);
  const length = ids === "all" ? row.length : ids.length;
  const found = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    found[i] = (row[ids === "all" ? i : (ids[i] as number)] as number) - most - logSum;
  }
  return found;
}

/** The most probable tokens of a row, the most probable first; of two that are as probable, the one with the lower id. */
export function mostProbable(row: Float32Array, count: number): TokenLogprob[] {
  const { least } = topValues(row, count);
  const ids: number[] = [];
  for (let id = 0; id < row.length; id++) if ((row[id] as number) >= least) ids.push(id);
  ids.sort((a, b) => (row[b] as number) - (row[a] as number) || a - b);
  const { most, logSum } = normaliserOf(row);
  return ids.slice(0, count).map((id) => ({ id, logprob: (row[id] as number) - most - logSum }));
}

function normaliserOf(row: Float32Array): { readonly most: number; readonly logSum: number } {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) if ((row[i] as number) > most) most = row[i] as number;
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] as number) - most);
  return { most, logSum: Math.log(sum) };
}
