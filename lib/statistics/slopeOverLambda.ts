// Whether outcomes rise with lambda, from the same items at every lambda.

import { RetemperError } from "../errors.js";
import { checkLevel } from "./checkLevel.js";
import { itemMeans } from "./itemMeans.js";
import { checkRows, type ItemOptions, type SeedValues, weightedItems } from "./seedValues.js";
import { signFlip } from "./signFlip.js";
import { tQuantile } from "./tDistribution.js";
import { varianceOfMean } from "./varianceOfMean.js";

export interface SlopeOptions extends ItemOptions {
  /** Of the interval; .95 by default. */
  readonly level?: number | undefined;
  /** Of the random signs; 0 by default. */
  readonly seed?: number | undefined;
  /** Random signs of all items that p is read from; 9999 by default. */
  readonly flips?: number | undefined;
}

export interface Slope {
  /** The mean of the items' slopes: how far the outcome rises from lambda 0 to 1, if it rises as a line. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided, of no slope: the sign-flip test over items. */
  readonly p: number;
  /** Items that were measured at every lambda. */
  readonly n: number;
}

/**
 * The slope of each item's outcome over lambda by least squares (the mean over seeds first), and of these slopes the mean,
 * its t interval over items, and p by flipping their signs. Neighbouring lambdas are almost the same model: an item's
 * outcomes at them are no independent observations, but its slope is one. With 4, 9 and 11 correlated lambdas a slope of 0
 * is called one in at most 6 % of cases at p < .05 (test/unit/statistics/simulations.test.ts).
 *
 * Give the lambdas strictly between the two models of one merge: the ends differ from each other by what they are, and a
 * method whose curve does not end in the fine-tuned model (DARE, TIES) would be joined to a point that is not on it.
 * @param values [lambda][seed][item]; null where missing
 * @returns undefined for fewer than two different lambdas or two items
 * @throws RetemperError USAGE where rows are not of the same items, there is not one lambda for each table, or the level is
 * not within 0 to 1
 * @example
 * ```ts
 * import { slopeOverLambda } from "retemper";
 *
 * const outcomes = (successes: number) => [Array.from({ length: 40 }, (_, item) => (item < successes ? 1 : 0))];
 * const slope = slopeOverLambda([outcomes(4), outcomes(6), outcomes(12)], [0.25, 0.5, 0.75]);
 * console.log(slope?.value.toFixed(1), slope?.low.toFixed(2), slope?.high.toFixed(2)); // 0.4 0.14 0.66
 * ```
 */
export function slopeOverLambda(
  values: readonly SeedValues[],
  lambdas: readonly number[],
  { level = 0.95, seed, flips, weights, groups }: SlopeOptions = {},
): Slope | undefined {
  if (values.length !== lambdas.length) {
    throw new RetemperError("USAGE", `${values.length} tables are not of ${lambdas.length} lambdas`, {
      hint: "give for each lambda the table [seed][item] that was measured at it",
    });
  }
  checkLevel(level);
  checkRows(values.flat());
  const centre = lambdas.reduce((sum, lambda) => sum + lambda, 0) / lambdas.length;
  const spread = lambdas.reduce((sum, lambda) => sum + (lambda - centre) ** 2, 0);
  if (!(spread > 0)) return undefined;
  const means = values.map(itemMeans);
  const slopes = (means[0] ?? []).map((_, item) => {
    let [sum, size] = [0, 0];
    for (const [at, ofLambda] of means.entries()) {
      const value = ofLambda[item] ?? null;
      if (value === null) return null;
      const term = ((lambdas[at] as number) - centre) * value;
      sum += term;
      size += Math.abs(term);
    }
    // what rounding leaves of a slope of 0 must not count as one: it would have the same sign for every item
    return Math.abs(sum) <= 1e-12 * size ? 0 : sum / spread;
  });
  const items = weightedItems(slopes, { weights, groups });
  const n = items.length;
  if (n < 2) return undefined;
  const terms = items.map(({ weight, value }) => weight * value);
  const value = terms.reduce((sum, term) => sum + term, 0);
  const half = tQuantile((1 + level) / 2, n - 1) * Math.sqrt(varianceOfMean(items, true));
  return { value, low: value - half, high: value + half, p: signFlip(terms, { seed, flips }), n };
}
