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
