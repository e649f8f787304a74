// Bounds of the difference of two rates that were measured on the same items.

/** The items on which two models differ, of `n`. */
export interface Discordant {
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly n: number;
}

/**
 * Tango's score statistic (Statistics in Medicine 17, 1998) for the hypothesis that the second model's rate is higher than
 * the first's by `difference`: standard normal where it is; it falls as `difference` rises. The chance to be right on only
 * the first is estimated under the hypothesis, by the root of Tango's quadratic equation.
 */
export function tangoStatistic({ onlyFirst, onlySecond, n }: Discordant, difference: number): number {
  const above = onlySecond - onlyFirst - n * difference;
  const linear = -onlyFirst - onlySecond + (2 * n - onlySecond + onlyFirst) * difference;
  const constant = -onlyFirst * difference * (1 - difference);
  const root = Math.sqrt(Math.max(0, linear * linear - 8 * n * constant));
  // the form of the root that does not cancel
  const first = linear <= 0 ? (root - linear) / (4 * n) : (-2 * constant) / (root + linear);
  const variance = n * (2 * first + difference * (1 - difference));
  return variance > 0 ? above / Math.sqrt(variance) : above === 0 ? 0 : above * Number.POSITIVE_INFINITY;
}

/** The difference (second - first, -1 to 1) at which Tango's statistic is `z`: -1.645 gives the 95 % upper bound. */
export function tangoBound(counts: Discordant, z: number): number {
  let [low, high] = [-1, 1];
  for (let step = 0; step < 60 && high - low > 1e-15; step++) {
    const middle = (low + high) / 2;
    if (tangoStatistic(counts, middle) > z) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
