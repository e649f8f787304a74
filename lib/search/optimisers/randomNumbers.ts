// Random numbers of a search: the same for the same seed and purpose, on every machine.

import { wordStream } from "../../random/wordStream.js";

/** Independent draws from 0 (included) to 1 (excluded), with 53 random bits. */
export function uniformNumbers(...name: readonly (string | number)[]): () => number {
  const next = wordStream(...name);
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** Independent draws of the standard normal distribution (Box and Muller, 1958; of each pair both are given). */
export function normalNumbers(...name: readonly (string | number)[]): () => number {
  const uniform = uniformNumbers(...name);
  let second: number | undefined;
  return () => {
    if (second !== undefined) {
      const value = second;
      second = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    second = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
