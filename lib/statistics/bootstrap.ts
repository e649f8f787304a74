// Intervals of means by resampling items: no assumption on how the scores are distributed.

import { RetemperError } from "../errors.js";
import { seededRandom } from "./seededRandom.js";

export interface BootstrapOptions {
  /** 0 by default; the same seed gives the same interval. */
  readonly seed?: number | undefined;
  /** 10,000 by default. */
  readonly resamples?: number | undefined;
  /** 0.05 by default: a 95 % interval. */
  readonly alpha?: number | undefined;
}

export interface MeanInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface PairedDifference {
  /** mean(b) - mean(a). */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided: twice the smaller share of resamples on either side of 0, at least 1 / resamples. */
  readonly p: number;
}

/**
 * The mean of `values` with a percentile interval (Efron and Tibshirani, 1993, chapter 13). No values: NaN.
 * @example
 * ```ts
 * import { bootstrapMean } from "retemper";
 *
 * const { mean, low, high } = bootstrapMean([0, 1, 1, 0, 1, 1, 1, 0]);
 * console.log(mean, low, high); // 0.625 0.25 1
 * ```
 */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions = {}): MeanInterval {
  const means = resampledMeans(values, options);
  const [low, high] = percentiles(means, options.alpha ?? 0.05);
  return { mean: mean(values), low, high };
}

/**
 * The difference between two models on the same items: item i of `a` and of `b` are drawn together, so that what makes an
 * item hard for both does not widen the interval.
 * @throws RetemperError USAGE where the two have different lengths
 * @example
 * ```ts
 * import { pairedBootstrap } from "retemper";
 *
 * const aligned = [0.2, 0.4, 0.1, 0.6, 0.3]; // scores of five items
 * const merged = [0.5, 0.6, 0.4, 0.7, 0.3];
 * const { difference, low, high } = pairedBootstrap(aligned, merged);
 * console.log(difference.toFixed(2), low.toFixed(2), high.toFixed(2)); // 0.18 0.08 0.28
 * ```
 */
export function pairedBootstrap(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions = {},
): PairedDifference {
  if (a.length !== b.length) {
    throw new RetemperError("USAGE", `${a.length} and ${b.length} scores are not pairs`, {
      hint: "give the scores of the same items in the same order",
    });
  }
  const differences = a.map((score, at) => (b[at] as number) - score);
  const means = resampledMeans(differences, options);
  const [low, high] = percentiles(means, options.alpha ?? 0.05);
  const share = (on: (value: number) => boolean) => means.reduce((count, value) => count + (on(value) ? 1 : 0), 0);
  const smaller = Math.min(
    share((value) => value <= 0),
    share((value) => value >= 0),
  );
  const p = means.length === 0 ? Number.NaN : Math.min(1, Math.max(1, 2 * smaller) / means.length);
  return { difference: mean(differences), low, high, p };
}

/** Means of resamples of `values`, ascending. */
function resampledMeans(values: readonly number[], { seed = 0, resamples = 10_000 }: BootstrapOptions): Float64Array {
  if (values.length === 0) return new Float64Array();
  const random = seededRandom(seed);
  const means = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[random(values.length)] as number;
    means[at] = sum / values.length;
  }
  return means.sort();
}

/** The alpha / 2 and 1 - alpha / 2 quantiles of sorted values, interpolated. */
function percentiles(sorted: Float64Array, alpha: number): [low: number, high: number] {
  const at = (share: number) => {
    if (sorted.length === 0) return Number.NaN;
    const place = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
    return below + (above - below) * (place - Math.floor(place));
  };
  return [at(alpha / 2), at(1 - alpha / 2)];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
