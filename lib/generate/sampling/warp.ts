// Which tokens may be drawn, and how likely: temperature, top-k and top-p in transformers' order and with its semantics.

import { RetemperError } from "../../errors.js";
import type { Candidates } from "./candidates.js";
import { topValues } from "./topK.js";
import { keepNucleus } from "./topP.js";

export interface WarpSettings {
  /** Above 0. */
  readonly temperature: number;
  /** 0: all tokens. */
  readonly topK: number;
  /** 1: all tokens. */
  readonly topP: number;
}

const candidates: Candidates & { ids: Int32Array; weights: Float64Array } = {
  ids: new Int32Array(),
  weights: new Float64Array(),
  count: 0,
  total: 0,
};

/**
 * The distribution to draw from. Logits are divided by the temperature in float32. Of the tokens, those stay that are at
 * least as likely as the k-th (of equals, all), then the nucleus of top-p; at least one stays.
 * @throws RetemperError BAD_INPUT where no logit is finite, or one is infinite.
 */
export function warp(logits: Float32Array, { temperature, topK, topP }: WarpSettings): Candidates {
  if (candidates.ids.length < logits.length) {
    candidates.ids = new Int32Array(logits.length);
    candidates.weights = new Float64Array(logits.length);
  }
  const limited = topK > 0 && topK < logits.length;
  const { most, least } = limited
    ? topValues(logits, topK)
    : { most: largest(logits), least: Number.NEGATIVE_INFINITY };
  if (!Number.isFinite(most)) throw notFinite();
  collect(logits, Math.fround(temperature), most, least);
  if (topP < 1) keepNucleus(candidates, topP);
  return candidates;
}

/** Weighs the tokens that are at least as likely as one of the logit `least`. */
function collect(logits: Float32Array, temperature: number, most: number, least: number): void {
  const { ids, weights } = candidates;
  // Divided by next to nothing, logits are no numbers any more: only the likeliest stay.
  const greedy = !Number.isFinite(Math.fround(most / temperature));
  const divisor = greedy ? 1 : temperature;
  const top = Math.fround(most / divisor);
  const bottom = greedy ? top : Math.fround(least / divisor);
  // Logits that differ may be equal once divided and rounded; those further below cannot be.
  const lowest = greedy ? most : least - Math.abs(least) * 2 ** -20 - 1e-30;
  let count = 0;
  let total = 0;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] as number;
    // False for NaN too, which is never drawn.
    if (!(logit >= lowest)) continue;
    const scaled = Math.fround(logit / divisor);
    if (!(scaled >= bottom)) continue;
    const weight = Math.exp(scaled - top);
    ids[count] = id;
    weights[count] = weight;
    total += weight;
    count += 1;
  }
  candidates.count = count;
  candidates.total = total;
}

function largest(logits: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) if ((logits[id] as number) > most) most = logits[id] as number;
  return most;
}

/** The error of a model that computes nonsense. */
export function notFinite(): RetemperError {
  return new RetemperError("BAD_INPUT", "the model's logits are not finite numbers, so no token can be chosen", {
    hint: "the weights that were asked for may be too large, or the model has some that are NaN or infinite, or too large for the precision: retemper inspect and --precision float32 tell",
  });
}
