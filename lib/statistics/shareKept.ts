// How much of a fine-tuning's gain a merge keeps.

import { checkLevel } from "./checkLevel.js";
import { itemMeans } from "./itemMeans.js";
import { meanOverSeeds } from "./meanOverSeeds.js";
import { pairedDifference } from "./pairedDifference.js";
import { percentiles } from "./percentiles.js";
import { seededRandom } from "./seededRandom.js";
import { checkRows, type ItemOptions, type SeedValues } from "./seedValues.js";

export interface ShareKeptInput extends ItemOptions {
  /** [seed][item] of the task's metric; null where missing. One row, or as many as the others. */
  readonly aligned: SeedValues;
  readonly tuned: SeedValues;
  readonly merged: SeedValues;
  /** The metric's direction: "high" by default; "low" for a loss or perplexity, whose gain is how far it falls. */
  readonly better?: "high" | "low" | undefined;
  /** The confidence, two-sided; .95 by default. */
  readonly level?: number | undefined;
  /** Of the resampling; 0 by default. */
  readonly seed?: number | undefined;
  /** 2000 by default. */
  readonly resamples?: number | undefined;
}

export interface ShareKept {
  /** 1: all of the gain; below 0: the merge is worse than the aligned model. */
  readonly value: number;
  /** Left out where the gain's own interval holds 0: a ratio to what may be nothing has no bounds. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/**
 * (merged - aligned) / (tuned - aligned) over the same items, with a percentile interval from a paired bootstrap: items are
 * drawn together for all three models, within their groups, and where there are several tunings, tunings as well (Efron
 * and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3).
 * @returns undefined where there is no gain
 * @throws RetemperError USAGE where the three are not of the same items, or the level is not within 0 to 1
 * @example
 * ```ts
 * import { shareKept } from "retemper";
 *
 * const solved = (count: number) => [Array.from({ length: 200 }, (_, item) => (item < count ? 1 : 0))];
 * const kept = shareKept({ aligned: solved(60), tuned: solved(140), merged: solved(124) });
 * console.log(kept?.value.toFixed(2), kept?.low?.toFixed(2), kept?.high?.toFixed(2)); // 0.80 0.71 0.88
 * ```
 */
export function shareKept(input: ShareKeptInput): ShareKept | undefined {
  const { aligned, tuned, merged, better = "high", level = 0.95, weights, groups } = input;
  checkLevel(level);
  checkRows([...aligned, ...tuned, ...merged]);
  const options = { weights, groups };
  const [a, t, m] = [aligned, tuned, merged].map((values) => meanOverSeeds(values, options)) as [
    number,
    number,
    number,
  ];
  const sign = better === "high" ? 1 : -1;
  if (!(sign * (t - a) > 0) || Number.isNaN(m)) return undefined;
  const value = (m - a) / (t - a);
  const gain = pairedDifference(aligned, tuned, { level, ...options });
  const draws = resampled(input, sign);
  const [leastGain] = percentiles(draws.map(({ gain: drawn }) => drawn).sort(ascending), 1 - level);
  if ((gain.low <= 0 && gain.high >= 0) || !(leastGain > 0)) return { value };
  const [low, high] = percentiles(draws.map(({ share }) => share).sort(ascending), 1 - level);
  return { value, low: Math.min(value, low), high: Math.max(value, high) };
}

interface Draw {
  readonly gain: number;
  readonly share: number;
}

function resampled(
  { aligned, tuned, merged, weights, groups, seed = 0, resamples = 2000 }: ShareKeptInput,
  sign: number,
) {
  const random = seededRandom(seed);
  const items = itemsByGroup(itemMeans([...aligned, ...tuned, ...merged]), groups);
  const models = [aligned, tuned, merged].map((rows) => rows.map((row) => weightedRow(row, weights)));
  const seeds = Math.max(...models.map((rows) => rows.length));
  const drawn = new Int32Array(items.reduce((sum, group) => sum + group.length, 0));
  return Array.from({ length: resamples }, (): Draw => {
    let at = 0;
    for (const group of items) for (const _ of group) drawn[at++] = group[random(group.length)] as number;
    const chosen = Array.from({ length: seeds }, () => random(seeds));
    const [a, t, m] = models.map((rows) => {
      const means = rows.map((row) => meanOf(row, drawn));
      // one tuning of the one belongs to one of the other; a model that was made once is the same in all
      const rowsDrawn = rows.length === seeds ? chosen.map((seedAt) => means[seedAt] as number) : means;
      return rowsDrawn.reduce((sum, mean) => sum + mean, 0) / rowsDrawn.length;
    }) as [number, number, number];
    return { gain: sign * (t - a), share: (m - a) / (t - a) };
  });
}

function itemsByGroup(means: readonly (number | null)[], groups: readonly number[] | undefined): number[][] {
  const byGroup = new Map<number, number[]>();
  means.forEach((mean, item) => {
    if (mean === null) return;
    const group = groups?.[item] ?? 0;
    const found = byGroup.get(group);
    if (found) found.push(item);
    else byGroup.set(group, [item]);
  });
  return [...byGroup.values()];
}

/** Of each item, its weight, and its weight times its value; both 0 where it is missing. */
interface WeightedRow {
  readonly weights: Float64Array;
  readonly products: Float64Array;
}

function weightedRow(row: readonly (number | null)[], weights: readonly number[] | undefined): WeightedRow {
  const own = Float64Array.from(row, (value, item) => (value === null ? 0 : (weights?.[item] ?? 1)));
  return { weights: own, products: own.map((weight, item) => weight * (row[item] ?? 0)) };
}

function meanOf({ weights, products }: WeightedRow, drawn: Int32Array): number {
  let [sum, total] = [0, 0];
  for (const item of drawn) {
    sum += products[item] as number;
    total += weights[item] as number;
  }
  return sum / total;
}

function ascending(a: number, b: number): number {
  return a - b;
}
