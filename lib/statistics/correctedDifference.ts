// A difference of two rates that one judge gave, corrected for the judge's own errors.

import type { JudgeCalibration } from "./correctedRate.js";
import { normalQuantile } from "./normalQuantile.js";

export interface BoundedDifference {
  readonly value: number;
  readonly bound: number;
}

/**
 * A judge that errs alike on the answers of both models shifts both rates by the same, and shrinks their difference by
 * sensitivity + specificity - 1: so much it is divided by (Rogan and Gladen, American Journal of Epidemiology 107, 1978).
 * The error of the labels is added by the delta method, with two labels added to each kind as in the interval of Lang and
 * Reiczigel (Preventive Veterinary Medicine 113, 2014).
 * @param difference as the judge gave it, with its one-sided bound of confidence `level`
 * @returns undefined for a judge that is no better than chance, or without labels of both kinds
 */
export function correctedDifference(
  { value, bound }: BoundedDifference,
  { truePositives, positives, trueNegatives, negatives }: JudgeCalibration,
  level: number,
): (BoundedDifference & { readonly scale: number }) | undefined {
  const scale = truePositives / positives + trueNegatives / negatives - 1;
  if (!(scale > 0)) return undefined;
  const variance = variancePerLabel(truePositives, positives) + variancePerLabel(trueNegatives, negatives);
  const centre = value / scale;
  const ofLabels = normalQuantile(level) * (centre / scale) * Math.sqrt(variance);
  const distance = Math.hypot((bound - value) / scale, ofLabels);
  return { scale, value: centre, bound: bound < value ? centre - distance : centre + distance };
}

function variancePerLabel(right: number, all: number): number {
  const rate = (right + 1) / (all + 2);
  return (rate * (1 - rate)) / (all + 2);
}
