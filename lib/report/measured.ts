// A model or merge with all that was measured of it, and two of them compared.

import type { Results } from "../evaluate/run/results.js";
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
  /** How the engine multiplied its weights, where it says it; absent where as usual. */
  readonly weights?: Results["engine"]["weights"];
  /** SLERP: share of the vectors that took the straight line. */
  readonly straightShare?: number | undefined;
}

export type MeasuredCandidate = Measured & Candidate;

/** A test on the items that both models answered; `difference` is b - a. */
export interface PairedTest {
  readonly a: string;
  readonly b: string;
  readonly metric: string;
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided: McNemar's exact test where there is one answer an item, else the bootstrap's. */
  readonly p: number;
  /** Holm's, over all tests of the table. */
  readonly pHolm: number;
  readonly test: "mcnemar" | "bootstrap";
  readonly n: number;
}
