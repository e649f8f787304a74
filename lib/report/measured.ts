// A model or merge with all that was measured of it.

import type { Candidate, Point, Quantity } from "../select/types.js";

/** What was measured of one model, or of one merge for all seeds. */
export interface Measured extends Point {
  /** Attack success rate by category, where the sets have categories. */
  readonly categories: Readonly<Record<string, Quantity>>;
  /** Every metric of every task, "task: metric". */
  readonly metrics: Readonly<Record<string, Quantity>>;
  /** Attack success rate over the sets that were selected by the aligned model's own answers: shown, and in no rule or test. */
  readonly selected?: Quantity | undefined;
  /** Shares of the answers to the safety sets that were cut off at the limit of new tokens, and that are empty. */
  readonly truncated?: number | undefined;
  readonly empty?: number | undefined;
  /** SLERP: share of the vectors that took the straight line. */
  readonly straightShare?: number | undefined;
}

export type MeasuredCandidate = Measured & Candidate;
