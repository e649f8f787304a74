// Whether numbers lie about 0, by what their signs alone could have done.

import { seededRandom } from "./seededRandom.js";

/**
 * The two-sided p value of a sum under random signs of its terms (Fisher's randomisation test; The Design of Experiments,
 * 1935, section 21): the share of flips whose sum is as far from 0 as the one that was found, which counts as one of them.
 * Up to 13 terms that are not 0 all flips are made, else `flips` random ones of the seed.
 */
export function signFlip(terms: readonly number[], { seed = 0, flips = 9999 } = {}): number {
  const all = terms.filter((term) => term !== 0);
  const found = Math.abs(all.reduce((sum, term) => sum + term, 0));
  // sums of the same terms in another order differ by rounding
  const enough = found - 1e-12 * all.reduce((sum, term) => sum + Math.abs(term), 0);
  if (all.length <= 13) return everyFlip(all, enough);
  const random = seededRandom(seed);
  let far = 1;
  for (let flip = 0; flip < flips; flip++) {
    let [sum, bits] = [0, 0];
    for (let at = 0; at < all.length; at++) {
      if (at % 32 === 0) bits = random(2 ** 32);
      sum += bits & 1 ? (all[at] as number) : -(all[at] as number);
      bits >>>= 1;
    }
    if (Math.abs(sum) >= enough) far += 1;
  }
  return far / (flips + 1);
}

function everyFlip(terms: readonly number[], enough: number): number {
  const flips = 2 ** terms.length;
  let far = 0;
  for (let flip = 0; flip < flips; flip++) {
    const sum = terms.reduce((total, term, at) => total + ((flip >> at) & 1 ? term : -term), 0);
    if (Math.abs(sum) >= enough) far += 1;
  }
  return far / flips;
}
