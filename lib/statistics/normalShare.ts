// The standard normal distribution.

/** exp(-z² / 2) / sqrt(2 pi). */
export function normalDensity(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * The share of a standard normal variable that is below `z`: near 0 by its series, and in the tails by the continued fraction
 * of Mills' ratio (Abramowitz and Stegun 26.2.11 and 26.2.14), so that small shares keep their digits.
 */
export function normalShare(z: number): number {
  if (Number.isNaN(z)) return Number.NaN;
  const distance = Math.abs(z);
  if (distance < 2.5) {
    let [term, sum] = [z, z];
    for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
      term *= (z * z) / odd;
      sum += term;
    }
    return 0.5 + normalDensity(z) * sum;
  }
  let ratio = 0;
  for (let depth = 120; depth >= 1; depth--) ratio = depth / (distance + ratio);
  const tail = distance > 40 ? 0 : normalDensity(distance) / (distance + ratio);
  return z < 0 ? tail : 1 - tail;
}
