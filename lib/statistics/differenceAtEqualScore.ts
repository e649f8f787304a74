// Two ways of moving a model less, compared at the same task score: one model against a line between two others.

import { checkLevel } from "./checkLevel.js";
import { itemMeans } from "./itemMeans.js";
import { meanOverSeeds } from "./meanOverSeeds.js";
import { pairedDifference } from "./pairedDifference.js";
import { checkRows, type ItemOptions, type SeedValues, weightedItems } from "./seedValues.js";
import { tQuantile, tTail } from "./tDistribution.js";
import { twoWay } from "./twoWay.js";
import { varianceOfMean } from "./varianceOfMean.js";

/** What was measured of the three models on the same items: [seed][item], null where missing. */
export interface ThreeModels extends ItemOptions {
  /** The one that is compared. */
  readonly merged: SeedValues;
  /** The two ends of the line. */
  readonly lower: SeedValues;
  readonly upper: SeedValues;
}

export interface EqualScoreInput {
  /** The task's score: what shall be equal. */
  readonly score: ThreeModels;
  /** Such as attacks that succeeded: what is compared. Values within 0 to 1. */
  readonly compared: ThreeModels;
  /** The confidence, two-sided; .95 by default. */
  readonly level?: number | undefined;
}

export interface EqualScoreDifference {
  /** compared(merged) less the line's number at the score of `merged`. */
  readonly value: number;
  /** Over the items: these models, other items. */
  readonly low: number;
  readonly high: number;
  /** Two-sided, of no difference over the items. */
  readonly p: number;
  /** With three seeds or more, over the seeds as well: another tuning, other items. */
  readonly newLow?: number | undefined;
  readonly newHigh?: number | undefined;
  /** Two-sided, of no difference over the seeds and items. */
  readonly newP?: number | undefined;
  /** Where on the line the score is equal: 0 at `lower`, 1 at `upper`. */
  readonly share: number;
  /** The line's number there. */
  readonly line: number;
  /** Items of `compared` that all three have a value of. */
  readonly n: number;
}

/** Items of each mean that are needed before a spread is read off them. */
const LEAST_ITEMS = 3;
/** Seeds from which a new tuning's interval is told: of two there is one difference. */
const LEAST_SEEDS = 3;

/**
 * The difference between `merged` and the straight line from `lower` to `upper`, at the task score of `merged`:
 * d = a(M) - (1 - w) a(L) - w a(U), where w = (s(M) - s(L)) / (s(U) - s(L)) is measured on the same items as the scores. The
 * line is what one gets who answers with `upper` in a share w of cases, and with `lower` in the others.
 *
 * w is measured too, and its error counts: by the delta method d varies as a mean over the compared items of
 * x(M) - (1 - w) x(L) - w x(U), less the line's slope (a(U) - a(L)) / (s(U) - s(L)) times a mean over the task's items of
 * y(M) - (1 - w) y(L) - w y(U) (Cochran, Sampling Techniques, 1977, section 6.3). The two kinds of items are independent, and
 * their variances add, with Satterthwaite's degrees of freedom; the first has the pseudo-observations of Agresti and Min
 * (half an item at +1, half at -1, one at 0), since a few items may carry all of it. Over new tunings the spread of the seeds'
 * own d comes to it, as in `crossedInterval`.
 *
 * Either interval holds the true difference in 93 % of cases or more, the second with three seeds (simulated with 75, 150 and 520
 * items, rates of .02 to .76; test/unit/statistics/equalScore.test.ts).
 * @returns undefined where the two ends are not told apart by their scores (the 95 % interval of s(U) - s(L) holds 0), so
 *   that there is no line; and with fewer than three items of either kind
 * @throws RetemperError USAGE where the models of one kind are not of the same items, or the level is not within 0 to 1
 * @example
 * ```ts
 * import { differenceAtEqualScore } from "retemper";
 *
 * const of = (count: number) => [Array.from({ length: 200 }, (_, item) => ((item * 7) % 200 < count ? 1 : 0))];
 * const found = differenceAtEqualScore({
 *   score: { merged: of(150), lower: of(100), upper: of(180) }, // solved
 *   compared: { merged: of(20), lower: of(30), upper: of(70) }, // refusals lost
 * });
 * console.log(found?.share, found?.line.toFixed(3), found?.value.toFixed(3)); // 0.625 0.275 -0.175
 * console.log(found?.low.toFixed(2), found?.high.toFixed(2)); // -0.22 -0.12
 * ```
 */
export function differenceAtEqualScore({
  score,
  compared,
  level = 0.95,
}: EqualScoreInput): EqualScoreDifference | undefined {
  checkLevel(level);
  const [scores, rates] = [score, compared].map(completeRows) as [Complete, Complete];
  const options = { score: weighingOf(score), compared: weighingOf(compared) };
  const items = { score: itemsOf(scores, options.score), compared: itemsOf(rates, options.compared) };
  if (items.score < LEAST_ITEMS || items.compared < LEAST_ITEMS) return undefined;
  const apart = pairedDifference(scores.lower, scores.upper, options.score);
  if (apart.low <= 0 && apart.high >= 0) return undefined;
  const mean = (values: SeedValues, of: "score" | "compared") => meanOverSeeds(values, options[of]);
  const [from, to] = [mean(scores.lower, "score"), mean(scores.upper, "score")];
  const share = (mean(scores.merged, "score") - from) / (to - from);
  const slope = (mean(rates.upper, "compared") - mean(rates.lower, "compared")) / (to - from);
  const off = { score: contrast(scores, share), compared: contrast(rates, share) };
  const value = mean(off.compared, "compared");
  const line = mean(rates.merged, "compared") - value;

  const ofItems = [
    pseudoPart(off.compared, options.compared),
    scaledPart(varianceOver(off.score, options.score), items.score - 1, slope ** 2),
  ];
  const error = Math.sqrt(ofItems.reduce((sum, { variance }) => sum + variance, 0));
  const degrees = satterthwaite(ofItems);
  const half = tQuantile((1 + level) / 2, degrees) * error;
  const centre = (value * items.compared) / (items.compared + PSEUDO_ITEMS);
  const fresh = newTuning(off, slope, options, level);
  return {
    value,
    low: Math.min(value, centre - half),
    high: Math.max(value, centre + half),
    p: Math.min(1, 2 * tTail(Math.abs(centre) / error, degrees)),
    ...(fresh && {
      newLow: Math.min(value, centre - fresh.half),
      newHigh: Math.max(value, centre + fresh.half),
      newP: Math.min(1, 2 * tTail(Math.abs(centre) / fresh.error, fresh.degrees)),
    }),
    share,
    line,
    n: items.compared,
  };
}

type Complete = Readonly<Record<"merged" | "lower" | "upper", (number | null)[][]>>;

/** The same seeds of all three, and only values of items that all three have. A model of no seed stands beside each. */
function completeRows({ merged, lower, upper }: ThreeModels): Complete {
  checkRows([...merged, ...lower, ...upper]);
  const all = [merged, lower, upper];
  const seeds = Math.max(...all.map((rows) => rows.length));
  const matched = all.every((rows) => rows.length === 1 || rows.length === seeds);
  const tables = matched ? all : all.map((rows) => [itemMeans(rows)]);
  const count = matched ? seeds : 1;
  const rowOf = (table: SeedValues, seed: number) => (table.length === 1 ? table[0] : table[seed]) ?? [];
  const [m, l, u] = tables.map((table) =>
    Array.from({ length: count }, (_, seed) =>
      rowOf(table, seed).map((one, item) =>
        tables.every((other) => (rowOf(other, seed)[item] ?? null) !== null) ? one : null,
      ),
    ),
  ) as [(number | null)[][], (number | null)[][], (number | null)[][]];
  return { merged: m, lower: l, upper: u };
}

function weighingOf({ weights, groups }: ItemOptions): ItemOptions {
  const equal = weights?.every((weight) => weight === weights[0]);
  return { weights: equal ? undefined : weights, groups };
}

function itemsOf({ merged }: Complete, options: ItemOptions): number {
  return weightedItems(itemMeans(merged), options).length;
}

/** Of each seed and item: how far `merged` lies off the line at this share. */
function contrast({ merged, lower, upper }: Complete, share: number): (number | null)[][] {
  return merged.map((row, seed) =>
    row.map((one, item) => {
      const [l, u] = [lower[seed]?.[item] ?? null, upper[seed]?.[item] ?? null];
      return one === null || l === null || u === null ? null : one - (1 - share) * l - share * u;
    }),
  );
}

/** A part of a variance, and its degrees of freedom. */
interface Part {
  readonly variance: number;
  readonly degrees: number;
}

const PSEUDO_ITEMS = 2;

/** Of the mean of the items and the pseudo-items, whose own sum is 0 and sum of squares 1. */
function pseudoPart(values: SeedValues, options: ItemOptions): Part {
  const items = weightedItems(itemMeans(values), options);
  const n = 1 / items.reduce((sum, { weight }) => sum + weight * weight, 0);
  const mean = items.reduce((sum, { weight, value }) => sum + weight * value, 0);
  const squares = n * varianceOver(values, options);
  const total = n + PSEUDO_ITEMS;
  const variance = ((n * squares + 1) * total + PSEUDO_ITEMS * n * mean * mean) / total ** 2;
  return { variance: variance / total, degrees: items.length - 1 };
}

function varianceOver(values: SeedValues, options: ItemOptions): number {
  return varianceOfMean(weightedItems(itemMeans(values), options), true);
}

function scaledPart(variance: number, degrees: number, scale: number): Part {
  return { variance: scale * variance, degrees };
}

function satterthwaite(parts: readonly Part[]): number {
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  return variance ** 2 / parts.reduce((sum, part) => sum + part.variance ** 2 / part.degrees, 0);
}

/** The error over seeds and items, and half of the interval; undefined with too few seeds. */
function newTuning(
  off: Readonly<Record<"score" | "compared", SeedValues>>,
  slope: number,
  options: Readonly<Record<"score" | "compared", ItemOptions>>,
  level: number,
): { readonly half: number; readonly error: number; readonly degrees: number } | undefined {
  const seeds = off.compared.length;
  if (seeds < LEAST_SEEDS) return undefined;
  const own = off.compared.map(
    (row, seed) =>
      meanOverSeeds([row], options.compared) - slope * meanOverSeeds([off.score[seed] ?? []], options.score),
  );
  if (own.some(Number.isNaN)) return undefined;
  const mean = own.reduce((sum, one) => sum + one, 0) / seeds;
  const ofSeeds = own.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (seeds - 1) / seeds;
  const [rates, scores] = [twoWay(off.compared, options.compared), twoWay(off.score, options.score)];
  const items = [
    pseudoPart(off.compared, options.compared),
    scaledPart(scores.items, scores.degrees.items, slope ** 2),
  ];
  const residual = [
    scaledPart(rates.residual, rates.degrees.residual, 1),
    scaledPart(scores.residual, scores.degrees.residual, slope ** 2),
  ];
  const sum = (parts: readonly Part[]) => parts.reduce((total, { variance }) => total + variance, 0);
  const variance = Math.max(0, ofSeeds - sum(residual)) + sum(items);
  const shares = [{ variance: ofSeeds, degrees: seeds - 1 }, ...items, ...residual];
  const freedom = variance ** 2 / shares.reduce((total, part) => total + part.variance ** 2 / part.degrees, 0);
  const [error, degrees] = [Math.sqrt(variance), Math.max(freedom, seeds - 1)];
  return { half: tQuantile((1 + level) / 2, degrees) * error, error, degrees };
}
