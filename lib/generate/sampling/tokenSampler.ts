// Chooses the tokens of one answer, one after the other: the likeliest, or a draw that depends on nothing but the seed and
// the answer's place. A run gives the same answers for any batch, order or number of threads.

import { type DrawPlace, uniformAt } from "../../random/philox.js";
import type { Sampler } from "../loop/sequence.js";
import { penalizeRepetition } from "./penalizeRepetition.js";
import { notFinite, type WarpSettings, warp } from "./warp.js";

export interface SamplerSettings extends WarpSettings {
  /** 0: greedy, and the settings of draws are not used. */
  readonly temperature: number;
  /** Over the prompt and what was generated, each token once; 1: none. */
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export class TokenSampler implements Sampler {
  readonly #settings: SamplerSettings;
  readonly #place: Omit<DrawPlace, "position">;
  readonly #seen: Set<number>;
  readonly #argMax: typeof firstGreatest | undefined;
  #position = 0;

  /**
   * @param place Of the answer: the prompt's index in the caller's list, and the sample's number.
   * @param prompt Ids of the prompt.
   * @param argMax As `Decoder` has it.
   */
  constructor(
    settings: SamplerSettings,
    place: { readonly index: number; readonly sample: number },
    prompt: Iterable<number>,
    argMax?: typeof firstGreatest,
  ) {
    this.#argMax = argMax;
    this.#settings = settings;
    this.#place = { seed: settings.seed, index: place.index, sample: place.sample };
    this.#seen = new Set(settings.repetitionPenalty === 1 ? [] : prompt);
  }

  /**
   * The next token, given the logits after the last one, which are left as they are.
   * @throws RetemperError BAD_INPUT where no logit is finite.
   */
  next(logits: Float32Array): number {
    const { temperature, repetitionPenalty } = this.#settings;
    const penalized = repetitionPenalty !== 1;
    const own = penalized ? scratchOf(logits) : logits;
    if (penalized) penalizeRepetition(own, this.#seen, repetitionPenalty);
    const id = temperature > 0 ? this.#draw(own) : likeliest(own, this.#argMax);
    if (penalized) this.#seen.add(id);
    this.#position += 1;
    return id;
  }

  #draw(logits: Float32Array): number {
    const { ids, weights, count, total } = warp(logits, this.#settings);
    const target = uniformAt({ ...this.#place, position: this.#position }) * total;
    let sum = 0;
    let chosen = 0;
    for (let place = 0; place < count; place += 1) {
      const weight = weights[place] as number;
      if (weight === 0) continue;
      chosen = ids[place] as number;
      sum += weight;
      if (sum > target) break;
    }
    return chosen;
  }
}

/** The likeliest token; of equals the one with the lowest id. */
export function likeliest(logits: Float32Array, argMax = firstGreatest): number {
  const best = argMax(logits);
  if (!Number.isFinite(logits[best])) throw notFinite();
  return best;
}

/** The lowest index of the greatest value, NaN apart; 0 where there is none. */
function firstGreatest(logits: Float32Array): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] as number;
    if (logit > most) {
      most = logit;
      best = id;
    }
  }
  return best;
}

let scratch = new Float32Array();

/** A copy to work on, in memory that all samplers of a thread share. */
function scratchOf(logits: Float32Array): Float32Array {
  if (scratch.length < logits.length) scratch = new Float32Array(logits.length);
  const copy = scratch.subarray(0, logits.length);
  copy.set(logits);
  return copy;
}
