// Random whole numbers for resampling: the same seed gives the same ones everywhere.

/** A generator of whole numbers from 0 to `below` - 1 (below <= 2^32). xoshiro128** of Blackman and Vigna (2018). */
export function seededRandom(seed: number): (below: number) => number {
  // The state is filled from the seed by splitmix32, so that near seeds give unrelated numbers.
  let mixed = seed | 0;
  const fill = () => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed ^ (mixed >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result >>> 0;
  };
  return (below) => Math.floor((next() / 2 ** 32) * below);
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
