// Intervals of means by resampling items: no assumption on how the scores are distributed.

import { RetemperError } from "../errors.js";
import { percentiles } from "./percentiles.js";
import { seededRandom } from "./seededRandom.js";

export interface BootstrapOptions {
  /** 0 by default; the same seed gives the same interval. */
  readonly seed?: number | undefined;
  /** 10,000 by default. */
  readonly resamples?: number | undefined;
  /** 0.05 by default: a 95 % interval. */
  readonly alpha?: number | undefined;
  /** How much each value counts: the mean is sum(weight x value) / sum(weight); all the same by default. */
  readonly weights?: readonly number[] | undefined;
  /** Values of one group are drawn from that group, as often as it has any (strata, such as BBH's subtasks); one group by default. */
  readonly groups?: readonly (number | string)[] | undefined;
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
  return { mean: mean(values, options.weights), low, high };
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
  return { difference: mean(differences, options.weights), low, high, p };
}

/** Means of resamples of `values`, ascending. */
function resampledMeans(values: readonly number[], options: BootstrapOptions): Float64Array {
  const { seed = 0, resamples = 10_000, weights, groups } = options;
  if (values.length === 0) return new Float64Array();
  const random = seededRandom(seed);
  const strata = placesByGroup(values.length, groups);
  const means = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    let [sum, total] = [0, 0];
    for (const places of strata) {
      for (let draw = 0; draw < places.length; draw++) {
        const place = places[random(places.length)] as number;
        const weight = weights?.[place] ?? 1;
        sum += weight * (values[place] as number);
        total += weight;
      }
    }
    means[at] = sum / total;
  }
  return means.sort();
}

/** Places of the values of each group. */
export function placesByGroup(count: number, groups: BootstrapOptions["groups"]): number[][] {
  const places = new Map<number | string, number[]>();
  for (let at = 0; at < count; at++) {
    const group = groups?.[at] ?? 0;
    const known = places.get(group);
    if (known) known.push(at);
    else places.set(group, [at]);
  }
  return [...places.values()];
}

function mean(values: readonly number[], weights?: readonly number[]): number {
  let [sum, total] = [0, 0];
  for (const [at, value] of values.entries()) {
    const weight = weights?.[at] ?? 1;
    sum += weight * value;
    total += weight;
  }
  return sum / total;
}
