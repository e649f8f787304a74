// The ends of an interval from resamples.

/** The alpha / 2 and 1 - alpha / 2 quantiles of sorted values, interpolated; NaN for none. */
export function percentiles(sorted: ArrayLike<number>, alpha: number): [low: number, high: number] {
  const at = (share: number) => {
    if (sorted.length === 0) return Number.NaN;
    const place = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
    return below + (above - below) * (place - Math.floor(place));
  };
  return [at(alpha / 2), at(1 - alpha / 2)];
}
