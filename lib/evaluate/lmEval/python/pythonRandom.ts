// Python's random.Random: the same draws for the same seed, so that few-shot examples are those that lm-evaluation-harness draws.

const N = 624;
const M = 397;

/**
 * The Mersenne Twister of Matsumoto and Nishimura (1998), seeded by an integer as Python seeds it (init_by_array), and
 * `random.sample` as Python 3.11 and newer draw it.
 */
export class PythonRandom {
  readonly #state = new Uint32Array(N);
  #at = N;

  /** @param seed a whole number; its sign does not matter, as in Python */
  constructor(seed: number | bigint) {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < N; i++) {
      const before = (state[i - 1] as number) ^ ((state[i - 1] as number) >>> 30);
      state[i] = Math.imul(1812433253, before) + i;
    }
    const key = wordsOf(seed);
    let i = 1;
    const mix = (factor: number) => Math.imul((state[i - 1] as number) ^ ((state[i - 1] as number) >>> 30), factor);
    const next = () => {
      i += 1;
      if (i < N) return;
      state[0] = state[N - 1] as number;
      i = 1;
    };
    for (let step = 0; step < Math.max(N, key.length); step++) {
      const j = step % key.length;
      state[i] = ((state[i] as number) ^ mix(1664525)) + (key[j] as number) + j;
      next();
    }
    for (let step = 0; step < N - 1; step++) {
      state[i] = ((state[i] as number) ^ mix(1566083941)) - i;
      next();
    }
    state[0] = 0x80000000;
  }

  /** So many of the items, each at most once, in the order in which they are drawn. */
  sample<T>(items: readonly T[], count: number): T[] {
    const size = items.length;
    if (!(count >= 0 && count <= size)) throw new RangeError(`a sample of ${count} of ${size} items`);
    const drawn: T[] = [];
    // Python keeps a set of what was drawn where that takes less than a copy of the list; the draws differ.
    const forSet = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    if (size <= forSet) {
      const pool = [...items];
      for (let i = 0; i < count; i++) {
        const at = this.#below(size - i);
        drawn.push(pool[at] as T);
        pool[at] = pool[size - i - 1] as T;
      }
      return drawn;
    }
    const taken = new Set<number>();
    while (drawn.length < count) {
      const at = this.#below(size);
      if (taken.has(at)) continue;
      taken.add(at);
      drawn.push(items[at] as T);
    }
    return drawn;
  }

  /** A whole number from 0 to limit - 1; limit is at most 2^32. */
  #below(limit: number): number {
    const bits = limit.toString(2).length;
    for (;;) {
      const drawn = this.#word() >>> (32 - bits);
      if (drawn < limit) return drawn;
    }
  }

  #word(): number {
    if (this.#at === N) this.#turn();
    let word = this.#state[this.#at++] as number;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #turn(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const both = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % N] as number) & 0x7fffffff);
      state[i] = (state[(i + M) % N] as number) ^ (both >>> 1) ^ (both & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}

/** Words of 32 bits, the lowest first; one for 0. */
function wordsOf(seed: number | bigint): number[] {
  const words: number[] = [];
  let left = BigInt(seed);
  if (left < 0n) left = -left;
  do {
    words.push(Number(left & 0xffffffffn));
    left >>= 32n;
  } while (left > 0n);
  return words;
}
