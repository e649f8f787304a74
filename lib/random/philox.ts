// The random numbers of sampling: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). It
// has no state: each number is a function of a key and a counter, so that an answer does not depend on what is generated
// beside it.

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

export type Counter = readonly [number, number, number, number];

/** Four words for a counter of four words and a key of two; all are unsigned 32-bit integers. */
export function philox(counter: Counter, key: readonly [number, number]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round += 1) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(x: number, y: number): number {
  const x0 = x & 0xffff;
  const x1 = x >>> 16;
  const y0 = y & 0xffff;
  const y1 = y >>> 16;
  const middle = x1 * y0 + ((x0 * y0) >>> 16);
  const low = x0 * y1 + (middle % 0x10000);
  return x1 * y1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000);
}

/** Where in a run a number is drawn. */
export interface DrawPlace {
  /** The caller's seed, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** The prompt's place in the caller's list, the sample's number, and how many tokens it has. */
  readonly index: number;
  readonly sample: number;
  readonly position: number;
}

/**
 * A number in [0, 1) with 53 random bits. The key is the seed (low and high word); the counter is (position, sample, low and
 * high word of the index). Of the four words that come out, the first gives the upper 27 bits and the second the lower 26.
 */
export function uniformAt({ seed, index, sample, position }: DrawPlace): number {
  const [first, second] = philox([position >>> 0, sample >>> 0, index >>> 0, high(index)], [seed >>> 0, high(seed)]);
  return ((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32) >>> 0;
}
