// What a report shows of other methods beside the plain lambda.

/** What is equal: the task's score, and the rates are compared; or the rate, and the scores are. */
export type EqualNumber = "score" | "safety";

/** A method beside the plain line, on the data that confirm; or why not. */
export interface BesideLinear {
  readonly method: string;
  readonly equal: EqualNumber;
  /** Of all its merges the one that stood best against the line on the data that choose. */
  readonly point?: string | undefined;
  /** The two points of the line, by the data that choose. */
  readonly between?: readonly [string, string] | undefined;
  /** Of the number that is compared: the merge's, and the line's where the other number is equal. */
  readonly merged?: number | undefined;
  readonly line?: number | undefined;
  /** Where on the line: 0 is its first point. */
  readonly share?: number | undefined;
  /** merged - line, with its 95 % interval of these tunings, over the items. */
  readonly difference?: number | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly p?: number | undefined;
  /** The same of a new tuning, over seeds and items; from three seeds on, and not for a merge of all tunings. */
  readonly newLow?: number | undefined;
  readonly newHigh?: number | undefined;
  readonly newP?: number | undefined;
  /** Holm's, over all tests of a new tuning in both tables. */
  readonly newPHolm?: number | undefined;
  /** Items in pairs. */
  readonly items?: number | undefined;
  /** By Holm's p of a new tuning; where there is none, the row is of these tunings alone and has no verdict. */
  readonly verdict?: "better" | "worse" | "not shown" | undefined;
  /** Where nothing is compared. */
  readonly why?: string | undefined;
}

export interface BesideLinearResults {
  /** What the tests come to. */
  readonly sentence: string;
  readonly rows: readonly BesideLinear[];
}
