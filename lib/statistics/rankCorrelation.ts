// Whether two lists of numbers rise together, whatever their scales.

/**
 * Spearman's rank correlation (1904): Pearson's of the ranks, equal numbers having the mean of theirs.
 * @returns -1 to 1; undefined for fewer than two numbers, and where all of a list are equal
 * @throws RangeError where the lists differ in length
 * @example
 * ```ts
 * import { rankCorrelation } from "retemper";
 *
 * console.log(rankCorrelation([1, 2, 3, 4], [10, 20, 40, 30])); // 0.8
 * ```
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number | undefined {
  if (a.length !== b.length) throw new RangeError(`${a.length} numbers are compared with ${b.length}`);
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (const [at, rank] of x.entries()) {
    const [dx, dy] = [rank - middle, (y[at] as number) - middle];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : undefined;
}

/** From 1; of equal numbers the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((value, at) => ({ value, at })).sort((p, q) => p.value - q.value);
  const found = new Array<number>(values.length).fill(0);
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && order[end]?.value === order[begin]?.value) end++;
    for (let i = begin; i < end; i++) found[(order[i] as { at: number }).at] = (begin + 1 + end) / 2;
    begin = end;
  }
  return found;
}
