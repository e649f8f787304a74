// How far one model lies from another on the same items: the bound that non-inferiority is read from.

import { checkLevel } from "./checkLevel.js";
import { itemMeans } from "./itemMeans.js";
import { meanOverSeeds } from "./meanOverSeeds.js";
import { normalQuantile } from "./normalQuantile.js";
import { type Outcome, scoreLowerBound } from "./scoreBound.js";
import { checkRows, type ItemOptions, type SeedValues, type WeightedItem, weightedItems } from "./seedValues.js";
import { type Discordant, tangoBound } from "./tangoBound.js";
import { tQuantile } from "./tDistribution.js";
import { varianceOfMean } from "./varianceOfMean.js";

export interface PairedDifferenceOptions extends ItemOptions {
  /** The confidence, .95 by default; one-sided where `side` is "upper" or "lower". */
  readonly level?: number | undefined;
  /** Which end is wanted: both ("two", the default), or one of them. */
  readonly side?: "two" | "upper" | "lower" | undefined;
  /** `a` is counted so many times: .98 for what b is above 98 % of a. Above 0; 1 by default. */
  readonly factor?: number | undefined;
}

export interface PairedBound {
  /** mean(b) - factor · mean(a) over the items that both have. */
  readonly value: number;
  /** -factor where `side` is "upper" (-Infinity for values that are not all within 0 to 1). */
  readonly low: number;
  /** 1 (Infinity) where `side` is "lower". */
  readonly high: number;
  /** Items that both have a value of. */
  readonly n: number;
  readonly method: "tango" | "score" | "agresti-min" | "t";
}

/**
 * The difference b - a on the same items, with its interval over items: these models, other items.
 *
 * One seed of zeros and ones: Tango's score bound (Statistics in Medicine 17, 1998), from the items on which the two
 * differ. Several seeds, or values within 0 to 1, or weights: a normal bound on the items' mean differences with the
 * pseudo-observations of Agresti and Min (Statistics in Medicine 24, 2005): half an item at +1, half at -1, one at 0.
 * Other values, such as a loss: Student's t.
 *
 * With a `factor` that is not 1, zeros and ones have the score bound of merge - factor · aligned, whose outcomes are 1, 1 - factor,
 * 0 and -factor; the pseudo-observations have z² for the sum of their squares instead of 1, as a share of a high score leaves a margin
 * so small that a bound which is too narrow where hardly an item differs would show.
 *
 * A merge is not inferior to the aligned model with a margin where the upper bound of rate(merge) - rate(aligned) is at
 * most the margin. At the margin itself that errs in at most 6 % of cases for one seed and 7.5 % for three (5 % wanted;
 * simulated with 150 and 520 items and rates of .02, .2 and .76: test/unit/statistics/simulations.test.ts).
 * @param a [seed][item]; one row is compared with each seed of `b`, and as many rows as `b` has seed by seed
 * @throws RetemperError USAGE where the two are not of the same items, or the level is not within 0 to 1
 * @example
 * ```ts
 * import { pairedDifference } from "retemper";
 *
 * const aligned = [Array.from({ length: 60 }, (_, item) => (item < 12 ? 1 : 0))]; // 12 of 60 attacks succeeded
 * const merged = [Array.from({ length: 60 }, (_, item) => (item < 13 ? 1 : 0))];
 * const { value, high, method } = pairedDifference(aligned, merged, { side: "upper" });
 * console.log(value.toFixed(3), high.toFixed(3), method); // 0.017 0.071 tango
 * ```
 */
export function pairedDifference(
  a: SeedValues,
  b: SeedValues,
  { level = 0.95, side = "two", weights, groups, factor = 1 }: PairedDifferenceOptions = {},
): PairedBound {
  checkLevel(level);
  const differences = differencesOf(a, b, factor);
  const equal = weights?.length === differences[0]?.length && weights?.every((weight) => weight === weights[0]);
  const options = { weights: equal ? undefined : weights, groups };
  const items = weightedItems(itemMeans(differences), options);
  const n = items.length;
  const value = meanOverSeeds(differences, options);
  const { within, whole } = kindOf(a, b);
  const [lowest, highest] = within ? [-factor, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const single = a.length <= 1 && b.length <= 1;
  const plain = factor === 1;
  const method = single && whole && !options.weights ? (plain ? "tango" : "score") : within ? "agresti-min" : "t";
  if (n === 0) return { value, low: lowest, high: highest, n, method };
  const share = side === "two" ? (1 + level) / 2 : level;
  const z = normalQuantile(share);
  const [low, high] =
    method === "tango"
      ? tangoBounds(items, z)
      : method === "score"
        ? scoreBounds(items, factor, z)
        : method === "agresti-min"
          ? pseudoBounds(value, items, z, plain ? 1 : z * z)
          : tBounds(value, items, share);
  return {
    value,
    low: side === "upper" ? lowest : Math.max(lowest, Math.min(value, low)),
    high: side === "lower" ? highest : Math.min(highest, Math.max(value, high)),
    n,
    method,
  };
}

/** Whether all values lie within 0 to 1, and whether all are one of the two. */
function kindOf(...tables: readonly SeedValues[]): { readonly within: boolean; readonly whole: boolean } {
  let [within, whole] = [true, true];
  for (const row of tables.flat()) {
    for (const value of row) {
      if (value === null || value === 0 || value === 1) continue;
      whole = false;
      within &&= value > 0 && value < 1;
    }
  }
  return { within, whole };
}

/** Each seed's b - factor · a; null where one of the two is missing. */
function differencesOf(a: SeedValues, b: SeedValues, factor: number): (number | null)[][] {
  checkRows([...a, ...b]);
  const matched = a.length === b.length || a.length === 1 || b.length === 1;
  const [first, second] = matched ? [a, b] : [[itemMeans(a)], [itemMeans(b)]];
  const seeds = first.length === 0 || second.length === 0 ? 0 : Math.max(first.length, second.length);
  return Array.from({ length: seeds }, (_, seed) => {
    const left = first.length === 1 ? first[0] : first[seed];
    const right = second.length === 1 ? second[0] : second[seed];
    return (left ?? []).map((one, item) => {
      const other = right?.[item] ?? null;
      return one === null || other === null ? null : other - factor * one;
    });
  });
}

function tangoBounds(items: readonly WeightedItem[], z: number): [low: number, high: number] {
  const counts: Discordant = {
    onlyFirst: items.filter(({ value }) => value === -1).length,
    onlySecond: items.filter(({ value }) => value === 1).length,
    n: items.length,
  };
  return [tangoBound(counts, z), tangoBound(counts, -z)];
}

function scoreBounds(items: readonly WeightedItem[], factor: number, z: number): [low: number, high: number] {
  const outcomes = [1, 1 - factor, 0, -factor].map(
    (value): Outcome => ({
      value,
      count: items.filter((item) => item.value === value).length,
    }),
  );
  const turned = outcomes.map(({ value, count }) => ({ value: -value, count }));
  return [scoreLowerBound(outcomes, z), -scoreLowerBound(turned, z)];
}

/**
 * With weights or groups, n is the number of equally weighted items, of one group, that would vary as much.
 * @param square the sum of the pseudo-observations' squares
 */
function pseudoBounds(mean: number, items: readonly WeightedItem[], z: number, square: number): [number, number] {
  const n = 1 / items.reduce((sum, { weight }) => sum + weight * weight, 0);
  const squares = n * varianceOfMean(items, new Set(items.map(({ group }) => group)).size > 1);
  const total = n + 2;
  // the variance of n items and the two pseudo-items, whose own sum is 0
  const variance = ((n * squares + square) * total + 2 * n * mean * mean) / total ** 2;
  const [centre, error] = [(n * mean) / total, Math.sqrt(variance / total)];
  return [centre - z * error, centre + z * error];
}

function tBounds(mean: number, items: readonly WeightedItem[], share: number): [low: number, high: number] {
  if (items.length === 1) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const error = Math.sqrt(varianceOfMean(items, true));
  const half = tQuantile(share, items.length - 1) * error;
  return [mean - half, mean + half];
}
