// Random numbers of a tuning. All are functions of the seed and of where they are drawn, so a run that goes on after it was
// stopped needs no state to draw the same.

import { philox } from "../../random/philox.js";

/** What numbers are drawn for; each has a stream of its own. */
export const DRAW = { initialise: 1, shuffle: 2, holdOut: 3, dropout: 4, dataRows: 5 } as const;

/** A stream of numbers in [0, 1), keyed by the seed and up to three indices. */
export function uniforms(seed: number, draw: number, a = 0, b = 0): () => number {
  const key: [number, number] = [seed >>> 0, (Math.floor(seed / 2 ** 32) ^ (draw << 24)) >>> 0];
  let block = 0;
  let words: number[] = [];
  return () => {
    if (words.length < 2) words = philox([block++ >>> 0, a >>> 0, b >>> 0, draw], key);
    const [high, low] = words.splice(0, 2) as [number, number];
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  };
}

/** 0 … count - 1 in a random order (Fisher and Yates). */
export function permutation(count: number, next: () => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** Of the generator of a mask: kernels draw from it what `dropoutMask` draws. */
export function dropoutState(seed: number, place: number, layer: number): number {
  return Math.floor(uniforms(seed, DRAW.dropout, place, layer)() * 2 ** 32) >>> 0;
}

/**
 * 1 / (1 - rate) with probability 1 - rate, else 0: multiplies what is dropped out of. One Philox block keys a fast
 * generator (Steele et al. 2014, "SplitMix"), since there is a number for every activation.
 */
export function dropoutMask(size: number, rate: number, seed: number, place: number, layer: number): Float32Array {
  let state = dropoutState(seed, place, layer);
  const limit = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    if ((z ^ (z >>> 15)) >>> 0 >= limit) mask[i] = kept;
  }
  return mask;
}
