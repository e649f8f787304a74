// A rate from few answers that people labelled and many that only a judge did.

import { RetemperError } from "../errors.js";
import { checkLevel } from "./checkLevel.js";
import { normalQuantile } from "./normalQuantile.js";

export interface PredictionPoweredInput {
  /** Of the labelled answers, what people said: 0 or 1, or a number. */
  readonly truth: readonly number[];
  /** Of the same answers, what the judge said. */
  readonly judged: readonly number[];
  /** What the judge said of the answers that nobody labelled. */
  readonly unlabelled: readonly number[];
  /** The confidence, two-sided; .95 by default. */
  readonly level?: number | undefined;
}

export interface PredictionPowered {
  /** An estimate without bias; with few labels it can lie a little outside of 0 to 1. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How much of the judge is used: 0 (the labels alone) to 1. */
  readonly weight: number;
}

/**
 * Prediction-powered inference of a mean (Angelopoulos et al., Science 382, 2023; arXiv 2301.09633) with the weight of
 * PPI++ (arXiv 2311.01453): weight * mean(unlabelled) + mean(truth - weight * judged). It asks nothing of the judge: a bad
 * one gets a weight near 0, and the interval is that of the labels. The labelled answers must be a random part of those
 * that are asked about; `correctedRate` asks for sensitivity and specificity only, which hold for other sets too.
 * @throws RetemperError USAGE for fewer than two labelled answers, none without a label, or lists that do not fit
 * @example
 * ```ts
 * import { predictionPowered } from "retemper";
 *
 * const truth = Array.from({ length: 100 }, (_, at) => (at < 20 ? 1 : 0)); // people: 20 of 100
 * const judged = Array.from({ length: 100 }, (_, at) => (at < 25 ? 1 : 0)); // the judge: 5 more
 * const unlabelled = Array.from({ length: 420 }, (_, at) => (at < 105 ? 1 : 0));
 * const { value, low, high } = predictionPowered({ truth, judged, unlabelled });
 * console.log(value.toFixed(2), low.toFixed(2), high.toFixed(2)); // 0.20 0.15 0.25
 * ```
 */
export function predictionPowered({
  truth,
  judged,
  unlabelled,
  level = 0.95,
}: PredictionPoweredInput): PredictionPowered {
  if (truth.length !== judged.length || truth.length < 2 || unlabelled.length === 0) {
    const given = `${truth.length} labels, ${judged.length} verdicts on them and ${unlabelled.length} on other answers`;
    throw new RetemperError("USAGE", `no rate follows from ${given}`, {
      hint: "give a verdict for each of two labels or more, and the verdicts on the answers without a label",
    });
  }
  checkLevel(level);
  const [n, others] = [truth.length, unlabelled.length];
  const all = [...judged, ...unlabelled];
  // of all verdicts the sample's variance, as in PPI++
  const spread = (variance(all) * all.length) / (all.length - 1);
  const together = covariance(truth, judged);
  const weight = spread > 0 ? Math.min(1, Math.max(0, together / ((1 + n / others) * spread))) : 0;
  const rectified = truth.map((label, at) => label - weight * (judged[at] as number));
  const value = weight * mean(unlabelled) + mean(rectified);
  const error = Math.sqrt((weight ** 2 * variance(unlabelled)) / others + variance(rectified) / n);
  const half = normalQuantile((1 + level) / 2) * error;
  return { value, low: value - half, high: value + half, weight };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function covariance(first: readonly number[], second: readonly number[]): number {
  const [a, b] = [mean(first), mean(second)];
  return mean(first.map((value, at) => (value - a) * ((second[at] as number) - b)));
}

function variance(values: readonly number[]): number {
  return covariance(values, values);
}
