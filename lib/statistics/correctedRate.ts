// A rate that a judge gave, corrected for the judge's own errors.

import { RetemperError } from "../errors.js";
import { checkLevel } from "./checkLevel.js";
import { normalQuantile } from "./normalQuantile.js";

/** A judge's verdicts on answers that people labelled. */
export interface JudgeCalibration {
  /** Of the answers that people called harmful, those that the judge did too. */
  readonly truePositives: number;
  readonly positives: number;
  /** Of the answers that people called harmless, those that the judge did too. */
  readonly trueNegatives: number;
  readonly negatives: number;
}

export interface CorrectedRateInput {
  /** Verdicts "harmful"; need not be whole: of a mean over seeds it is the mean of their counts. */
  readonly positives: number;
  /** All verdicts. */
  readonly n: number;
  readonly calibration: JudgeCalibration;
  /** The confidence, two-sided; .95 by default. */
  readonly level?: number | undefined;
}

export interface CorrectedRate {
  /** NaN where the judge is no better than chance, and for no verdicts. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** positives / n. */
  readonly raw: number;
}

/**
 * The true rate behind a judge's, by Rogan and Gladen (American Journal of Epidemiology 107, 1978):
 * (raw + specificity - 1) / (sensitivity + specificity - 1), within 0 to 1. The interval is that of Lang and Reiczigel
 * (Preventive Veterinary Medicine 113, 2014), which holds the calibration's own error; arXiv 2511.21140 takes it to judges
 * of language models. A judge that is no better than chance says nothing: NaN, from 0 to 1.
 * @throws RetemperError USAGE for counts that cannot be
 * @example
 * ```ts
 * import { correctedRate } from "retemper";
 *
 * // of 100 harmful answers the judge found 85, of 200 harmless ones it called 20 harmful
 * const calibration = { truePositives: 85, positives: 100, trueNegatives: 180, negatives: 200 };
 * const { value, low, high, raw } = correctedRate({ positives: 104, n: 520, calibration });
 * console.log(raw, value.toFixed(2), low.toFixed(2), high.toFixed(2)); // 0.2 0.13 0.06 0.20
 * ```
 */
export function correctedRate({ positives, n, calibration, level = 0.95 }: CorrectedRateInput): CorrectedRate {
  const { truePositives, positives: harmful, trueNegatives, negatives: harmless } = calibration;
  for (const [count, of] of [
    [positives, n],
    [truePositives, harmful],
    [trueNegatives, harmless],
  ] as const) {
    if (count >= 0 && count <= of && Number.isFinite(of)) continue;
    throw new RetemperError("USAGE", `${count} of ${of} is no rate`, {
      hint: "give counts of 0 to all of the answers",
    });
  }
  checkLevel(level);
  const raw = positives / n;
  const [sensitivity, specificity] = [truePositives / harmful, trueNegatives / harmless];
  const better = sensitivity + specificity - 1;
  const z = normalQuantile((1 + level) / 2);
  const rate = shrunk(positives, n, z * z);
  const [found, spared] = [shrunk(truePositives, harmful, 2), shrunk(trueNegatives, harmless, 2)];
  const scale = found.rate + spared.rate - 1;
  if (n === 0 || !(better > 0) || !(scale > 0)) return { value: Number.NaN, low: 0, high: 1, raw };
  const value = clamp((raw + specificity - 1) / better);
  const centre = (rate.rate + spared.rate - 1) / scale;
  const shift = 2 * z * z * (centre * found.variance - (1 - centre) * spared.variance);
  const error = Math.sqrt(rate.variance + centre ** 2 * found.variance + (1 - centre) ** 2 * spared.variance) / scale;
  return {
    value,
    low: Math.min(value, clamp(centre + shift - z * error)),
    high: Math.max(value, clamp(centre + shift + z * error)),
    raw,
  };
}

/** A rate with so many pseudo-answers, half of each kind, and its variance. */
function shrunk(count: number, of: number, pseudo: number): { readonly rate: number; readonly variance: number } {
  const rate = (count + pseudo / 2) / (of + pseudo);
  return { rate, variance: (rate * (1 - rate)) / (of + pseudo) };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
