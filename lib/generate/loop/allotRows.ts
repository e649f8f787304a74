// Which prompts are read in a step, and how much of each.

/** A sequence that is being read: how many of its tokens are not in the cache, and whether its rows give logits. */
export interface Remaining {
  readonly rows: number;
  readonly scored: boolean;
  /** Of a scored one: rows that come first and give none; 0 by default. */
  readonly unscored?: number | undefined;
}

/**
 * Rows for each sequence, oldest first. The oldest has half of the step for sure, so that it comes to its end; the others go by
 * what they have left, so that a short prompt does not wait for the end of a long one.
 * @param most Rows in all; of those that give logits at most `mostScored`.
 */
export function allotRows(readings: readonly Remaining[], most: number, mostScored: number): number[] {
  const rows = readings.map(() => 0);
  let left = most;
  let scoredLeft = mostScored;
  const give = (at: number, limit: number) => {
    const { rows: wanted, scored, unscored = 0 } = readings[at] as Remaining;
    const free = Math.max(0, unscored - (rows[at] as number));
    const more = Math.min(wanted - (rows[at] as number), limit, left, scored ? free + scoredLeft : left);
    rows[at] = (rows[at] as number) + more;
    left -= more;
    if (scored) scoredLeft -= Math.max(0, more - free);
  };
  if (readings.length > 0) give(0, Math.ceil(most / 2));
  const others = readings.map((_, at) => at).slice(1);
  others.sort((a, b) => (readings[a] as Remaining).rows - (readings[b] as Remaining).rows || a - b);
  for (const at of others) give(at, most);
  if (readings.length > 0) give(0, most);
  return rows;
}
