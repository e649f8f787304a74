// The upper tail of the normal distribution.

/** P(Z > z) for z >= 0, by the continued fraction of Mills' ratio or, near 0, by the series of erf. */
export function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > 3) {
    let fraction = z;
    for (let at = 60; at >= 1; at--) fraction = z + at / fraction;
    return density / fraction;
  }
  // Phi(z) - 1/2 = density * (z + z^3/3 + z^5/15 + …)
  let [term, sum] = [z, z];
  for (let at = 3; at < 120; at += 2) {
    term *= (z * z) / at;
    sum += term;
  }
  return 0.5 - density * sum;
}
