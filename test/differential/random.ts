// Repeatable numbers for fixtures (PCG-like 32-bit mixing; quality matters little, repeatability everything).

import { type FloatDtype, roundTo } from "./dtypes.js";

/** Uniform numbers in [0, 1) from a seed. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** n weights about as large as a language model's, each exactly representable in `dtype`. */
export function weightsLike(n: number, seed: number, dtype: FloatDtype, scale = 0.05): Float64Array {
  const next = uniform(seed);
  return Float64Array.from({ length: n }, () => {
    const normal = next() + next() + next() + next() - 2;
    return roundTo(scale * normal * 1.7, dtype);
  });
}

/** The same weights after a little training: x plus noise of `scale`. */
export function tuned(x: Float64Array, seed: number, dtype: FloatDtype, scale = 0.01): Float64Array {
  const noise = weightsLike(x.length, seed, "F64", scale);
  return x.map((value, i) => roundTo(value + (noise[i] as number), dtype));
}
