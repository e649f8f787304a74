// Distributions over a vocabulary, made small: the likeliest tokens by name and all others as one. A divergence of the coarse
// distributions is never larger than that of the whole ones (data processing inequality), and close to it, since the likeliest
// tokens hold nearly all probability.

import { topValues } from "../../generate/sampling/topK.js";

/** Tokens that are kept by name. */
export const KEPT_TOKENS = 256;

export interface CoarseDistribution {
  /** The likeliest first. */
  readonly ids: Int32Array;
  readonly logprobs: Float64Array;
  /** Log-probability of all others together; -Infinity where there are none. */
  readonly rest: number;
}

/** The coarse form of one row of logits. */
export function coarse(logits: Float32Array, kept = KEPT_TOKENS): CoarseDistribution {
  const ids = likeliest(logits, Math.min(kept, logits.length));
  return over(ids, logits);
}

/** The same tokens by name in another model's row of logits; a token that it does not have counts as impossible. */
export function over(ids: Int32Array, logits: Float32Array): CoarseDistribution {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of logits) if (value > most) most = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - most);
  const total = most + Math.log(sum);
  const logprobs = new Float64Array(ids.length);
  const named = new Set(ids);
  for (let i = 0; i < ids.length; i++) logprobs[i] = (logits[ids[i] as number] ?? Number.NEGATIVE_INFINITY) - total;
  let others = 0;
  for (let id = 0; id < logits.length; id++) if (!named.has(id)) others += Math.exp((logits[id] as number) - total);
  return { ids, logprobs, rest: Math.log(others) };
}

/** KL(A || B) in nats of two coarse distributions over the same tokens: sum of p log(p / q). */
export function divergence(a: CoarseDistribution, b: CoarseDistribution): number {
  let sum = term(a.rest, b.rest);
  for (let i = 0; i < a.logprobs.length; i++) sum += term(a.logprobs[i] as number, b.logprobs[i] as number);
  return Math.max(0, sum);
}

/** A token that B thinks impossible would make it infinite, which no mean survives: 1e-30 is impossible enough. */
const LEAST = Math.log(1e-30);

function term(p: number, q: number): number {
  return p <= LEAST ? 0 : Math.exp(p) * (p - Math.max(q, LEAST));
}

/** Ids of the largest values, the largest first; equal ones in the order of their ids. */
function likeliest(values: Float32Array, count: number): Int32Array {
  const { least } = topValues(values, count);
  const above: number[] = [];
  const equal: number[] = [];
  for (let id = 0; id < values.length; id++) {
    const value = values[id] as number;
    if (value > least) above.push(id);
    else if (value === least && equal.length < count) equal.push(id);
  }
  const chosen = [...above, ...equal.slice(0, count - above.length)];
  return Int32Array.from(chosen.sort((x, y) => (values[y] as number) - (values[x] as number) || x - y));
}
