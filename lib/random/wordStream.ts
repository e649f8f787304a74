// A stream of random words from Philox: the same words for the same name, wherever and whenever they are drawn.

import { createHash } from "node:crypto";
import { philox } from "./philox.js";

/**
 * Unsigned 32-bit words, one after the other: the four of Philox at the counters 0, 1, 2, … under the key that is the first 64
 * bits of the name's sha256.
 * @param name what the numbers are for: another name gives an unrelated stream
 */
export function wordStream(...name: readonly (string | number)[]): () => number {
  const digest = createHash("sha256").update(JSON.stringify(name)).digest();
  const key: [number, number] = [digest.readUInt32LE(0), digest.readUInt32LE(4)];
  let [block, words, at]: [number, readonly number[], number] = [0, [], 0];
  return () => {
    if (at === words.length) {
      words = philox([block >>> 0, Math.floor(block / 2 ** 32) >>> 0, 0, 0], key);
      block += 1;
      at = 0;
    }
    return words[at++] as number;
  };
}
