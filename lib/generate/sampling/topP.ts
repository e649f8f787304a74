// Nucleus sampling: the likeliest tokens that together have the probability p. Holtzman et al., "The Curious Case of Neural
// Text Degeneration", 2019. Where the line lies is found by partitioning, without sorting all tokens.

import type { Candidates } from "./candidates.js";

/** Which tokens go: all of a smaller weight, and of those that have it the first `equals`, in the order of ids. */
export interface Cut {
  readonly weight: number;
  readonly equals: number;
}

/** Fewer tokens than this are partitioned as they are. */
const FEW = 1024;
let space = new Float64Array();

/** Takes out of the candidates what top-p does not keep, in place. */
export function keepNucleus(candidates: Candidates, topP: number): void {
  const { ids, weights, count, total } = candidates;
  if (space.length < count) space = new Float64Array(weights.length);
  // Each of `count` tokens with less than a share of 1 - p goes, since even all together they would have less than that.
  const small = count < FEW ? -1 : ((1 - topP) * total) / (2 * count);
  let rest = 0;
  let gone = 0;
  for (let place = 0; place < count; place += 1) {
    const weight = weights[place] as number;
    if (weight > small) space[rest++] = weight;
    else gone += weight;
  }
  const cut = nucleusCut(space.subarray(0, rest), { total, gone, topP });
  let kept = 0;
  let sum = 0;
  let equals = 0;
  for (let place = 0; place < count; place += 1) {
    const weight = weights[place] as number;
    if (weight <= small || weight < cut.weight || (weight === cut.weight && equals++ < cut.equals)) continue;
    ids[kept] = ids[place] as number;
    weights[kept] = weight;
    sum += weight;
    kept += 1;
  }
  candidates.count = kept;
  candidates.total = sum;
}

/**
 * Where transformers cuts for `topP`: counted up from the least likely, tokens go as long as their probabilities together
 * are at most 1 - p, and the likeliest stays in any case.
 * @param weights Probabilities times `total`, of the tokens that are not `gone` already; they are put in another order.
 */
export function nucleusCut(
  weights: Float64Array,
  { total, gone: start, topP }: { readonly total: number; readonly gone: number; readonly topP: number },
): Cut {
  // transformers compares in float32.
  const limit = Math.fround(1 - topP);
  const goes = (sum: number): boolean => Math.fround(sum / total) <= limit;
  let low = 0;
  let high = weights.length;
  /** The weight of all that go for sure. */
  let gone = start;
  while (low < high) {
    const pivot = middleOf(weights, low, high);
    const [from, to, less] = partition(weights, low, high, pivot);
    const count = to - from;
    if (!goes(gone + less)) {
      high = from;
    } else if (!goes(gone + less + count * pivot) || to === high) {
      const last = to === weights.length ? 1 : 0;
      return { weight: pivot, equals: mostThatGo(count - last, (equals) => goes(gone + less + equals * pivot)) };
    } else {
      gone += less + count * pivot;
      low = to;
    }
  }
  return { weight: Number.NEGATIVE_INFINITY, equals: 0 };
}

/** The largest number up to `count` that still goes; those up to one that goes do too. */
function mostThatGo(count: number, goes: (equals: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (goes(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The median of the first, middle and last weight of a range. */
function middleOf(weights: Float64Array, low: number, high: number): number {
  const first = weights[low] as number;
  const middle = weights[(low + high) >> 1] as number;
  const last = weights[high - 1] as number;
  return Math.max(Math.min(first, middle), Math.min(Math.max(first, middle), last));
}

/** Moves smaller weights before equal ones before larger ones; where the equal ones are, and the sum of the smaller. */
function partition(weights: Float64Array, low: number, high: number, pivot: number): [number, number, number] {
  let from = low;
  let to = high;
  let sum = 0;
  for (let at = low; at < to; ) {
    const weight = weights[at] as number;
    if (weight < pivot) {
      sum += weight;
      weights[at] = weights[from] as number;
      weights[from] = weight;
      from += 1;
      at += 1;
    } else if (weight > pivot) {
      to -= 1;
      weights[at] = weights[to] as number;
      weights[to] = weight;
    } else {
      at += 1;
    }
  }
  return [from, to, sum];
}
