// A sequence of tokens that lives in a slot of the cache: the cache holds the first of them, the others are to be read.

export interface Reading {
  readonly slot: number;
  /** Which lambda of a virtual merge. */
  readonly variant: number;
  /** Tokens known, and how many of them the cache holds. */
  readonly length: number;
  done: number;
  at(position: number): number;
}

/** How many tokens two sequences begin with in common, looking at `most` of them. */
export function inCommon(a: Pick<Reading, "at">, b: Pick<Reading, "at">, most: number): number {
  let count = 0;
  while (count < most && a.at(count) === b.at(count)) count += 1;
  return count;
}
