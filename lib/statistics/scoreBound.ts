// The lower bound of a mean whose values are a few known ones, such as merge - share · aligned of items that are right or wrong.

/** One of the values that an item can have, and how many have it; of none as well, since others might. */
export interface Outcome {
  readonly value: number;
  readonly count: number;
}

/**
 * The score statistic for the hypothesis that the mean is `mean`: the sum's distance from what is expected, over the root of its
 * variance under the hypothesis. The shares are estimated under it by maximum likelihood: count / (n + t · (value - mean)), with the
 * t that makes their mean `mean`; where no item has the lowest value, that one may take what is left (Owen, Empirical Likelihood,
 * 2001, section 2.9). With the values 1, 0 and -1 this is Tango's statistic (Statistics in Medicine 17, 1998).
 * @param mean above the lowest value and at most the mean that was measured
 */
export function scoreStatistic(outcomes: readonly Outcome[], mean: number): number {
  const n = outcomes.reduce((sum, { count }) => sum + count, 0);
  const from = outcomes.map(({ value, count }) => ({ away: value - mean, count }));
  const above = from.reduce((sum, { away, count }) => sum + away * count, 0);
  if (above <= 0) return 0;
  const lowest = Math.min(...from.map(({ away }) => away));
  const most = -n / lowest;
  const share = (count: number, away: number, t: number) => (count === 0 ? 0 : count / (n + t * away));
  const excess = (t: number) => from.reduce((sum, { away, count }) => sum + away * share(count, away, t), 0);
  let [low, high] = [0, most];
  for (let step = 0; step < 80 && high - low > 1e-14 * most; step++) {
    const middle = (low + high) / 2;
    if (excess(middle) > 0) low = middle;
    else high = middle;
  }
  const shares = from.map(({ away, count }) => ({ away, share: away === lowest ? 0 : share(count, away, low) }));
  const left = Math.max(0, 1 - shares.reduce((sum, one) => sum + one.share, 0));
  const variance = n * (shares.reduce((sum, one) => sum + one.share * one.away ** 2, 0) + left * lowest ** 2);
  return above / Math.sqrt(variance);
}

/** The mean at which the statistic is `z`, above 0: 1.645 gives the one-sided 95 % lower bound of the mean. */
export function scoreLowerBound(outcomes: readonly Outcome[], z: number): number {
  const n = outcomes.reduce((sum, { count }) => sum + count, 0);
  let low = Math.min(...outcomes.map(({ value }) => value));
  let high = outcomes.reduce((sum, { value, count }) => sum + value * count, 0) / n;
  for (let step = 0; step < 50 && high - low > 1e-12; step++) {
    const middle = (low + high) / 2;
    if (scoreStatistic(outcomes, middle) > z) low = middle;
    else high = middle;
  }
  return low;
}
