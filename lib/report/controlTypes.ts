// What a report shows of controls: other ways to change less than the fine-tuned model.

import type { MeasuredCandidate } from "./measured.js";

/** The points of a control over its lambdas or values, measured on the data that choose; in no choice. */
export interface ControlCurve {
  readonly kind: string;
  /** "the random direction". */
  readonly name: string;
  readonly points: readonly MeasuredCandidate[];
}

/** The chosen merge beside a control, on the data that confirm. */
export interface ControlComparison {
  readonly kind: string;
  readonly name: string;
  readonly sentence: string;
  /** Where on the control's curve: where the task score is the merge's, at its best score if that is below, or at the nearest. */
  readonly at: "equal score" | "best score" | "nearest score";
  /** The points of the curve that were asked: the two of the line, or the one. */
  readonly points: readonly string[];
  /** The merge's rate less the control's, with its 95 % interval of these tunings, over the items. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** 95 % interval of a new tuning, over seeds and items; from three seeds on. */
  readonly newLow?: number | undefined;
  readonly newHigh?: number | undefined;
  /** Safety items in pairs. */
  readonly items: number;
  /** At equal score: where on the line (0: the first point), p over the items, Holm's over all controls, and what follows. */
  readonly share?: number | undefined;
  readonly p?: number | undefined;
  readonly pHolm?: number | undefined;
  readonly verdict?: "lower" | "higher" | "not shown" | undefined;
}

/** Other ways to change less than the fine-tuned model. */
export interface ControlResults {
  readonly curves: readonly ControlCurve[];
  /** What the comparisons come to; absent where nothing was chosen. */
  readonly sentence?: string | undefined;
  /** Empty where nothing was chosen. */
  readonly comparisons: readonly ControlComparison[];
}
