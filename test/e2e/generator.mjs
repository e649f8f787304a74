// Random numbers of the scripts that kill: the same for the same seed.

/** Marsaglia's xorshift32, in [0, 1). */
export function generator(seed) {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
