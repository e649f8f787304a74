// How well numbers tell two kinds apart, whatever threshold: the area under the curve of sensitivity over 1 - specificity.

import { RetemperError } from "../errors.js";
import { checkLevel } from "./checkLevel.js";
import { normalQuantile } from "./normalQuantile.js";

export interface AreaUnderCurve {
  /** The chance that a positive's number is above a negative's, ties as half; null where one kind is not there. */
  readonly value: number | null;
  /** null where the data do not tell: no kind may have fewer than two, and the area be neither 0 nor 1. */
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * The area under the ROC curve, and DeLong's interval for it (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988), taken on
 * the logit scale so that it stays within 0 and 1 (Qin and Hotilovac, Statistical Methods in Medical Research 17, 2008).
 * @param scores larger means more likely positive; no NaN
 * @throws RetemperError USAGE where scores and labels are no pairs, or a score is no number
 * @example
 * ```ts
 * import { areaUnderCurve } from "retemper";
 *
 * const { value } = areaUnderCurve([0.9, 0.8, 0.4, 0.3], [true, false, true, false]);
 * console.log(value); // 0.75
 * ```
 */
export function areaUnderCurve(
  scores: readonly number[],
  positive: readonly boolean[],
  { level = 0.95 }: { readonly level?: number | undefined } = {},
): AreaUnderCurve {
  checkLevel(level);
  if (scores.length !== positive.length || scores.some((score) => Number.isNaN(score))) {
    throw new RetemperError(
      "USAGE",
      `${scores.length} scores and ${positive.length} labels are not pairs of numbers and labels`,
    );
  }
  const of = (kind: boolean) => scores.filter((_, at) => positive[at] === kind).sort((a, b) => a - b);
  const [above, below] = [of(true), of(false)];
  const [m, n] = [above.length, below.length];
  if (m === 0 || n === 0) return { value: null, low: null, high: null };
  // each positive's share of the negatives below it, and each negative's of the positives above
  const ofPositives = above.map((score) => beneath(score, below) / n);
  const ofNegatives = below.map((score) => 1 - beneath(score, above) / m);
  const value = ofPositives.reduce((sum, share) => sum + share, 0) / m;
  const variance = varianceAround(ofPositives, value) / m + varianceAround(ofNegatives, value) / n;
  if (m < 2 || n < 2 || !(variance > 0) || value === 0 || value === 1) return { value, low: null, high: null };
  const logit = Math.log(value / (1 - value));
  const half = (normalQuantile(0.5 + level / 2) * Math.sqrt(variance)) / (value * (1 - value));
  const back = (x: number) => 1 / (1 + Math.exp(-x));
  return { value, low: back(logit - half), high: back(logit + half) };
}

/** How many of sorted numbers are below one; equal ones count half. */
function beneath(score: number, sorted: readonly number[]): number {
  return (firstAt(sorted, (x) => x >= score) + firstAt(sorted, (x) => x > score)) / 2;
}

function firstAt(sorted: readonly number[], holds: (x: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function varianceAround(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
}
