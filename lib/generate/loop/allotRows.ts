// Which prompts are read in a step, and how much of each.

/** A sequence that is being read: how many of its tokens are not in the cache, and whether all of its rows give logits. */
export interface Remaining {
  readonly rows: number;
  readonly scored: boolean;
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
    const { rows: wanted, scored } = readings[at] as Remaining;
    const more = Math.min(wanted - (rows[at] as number), limit, left, scored ? scoredLeft : left);
    rows[at] = (rows[at] as number) + more;
    left -= more;
    if (scored) scoredLeft -= more;
  };
  if (readings.length > 0) give(0, Math.ceil(most / 2));
  const others = readings.map((_, at) => at).slice(1);
  others.sort((a, b) => (readings[a] as Remaining).rows - (readings[b] as Remaining).rows || a - b);
  for (const at of others) give(at, most);
  if (readings.length > 0) give(0, most);
  return rows;
}
