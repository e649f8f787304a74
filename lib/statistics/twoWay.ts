// The variances of a table of seeds and items that varies by both.

import { itemMeans } from "./itemMeans.js";
import { meanOverSeeds } from "./meanOverSeeds.js";
import { type ItemOptions, type SeedValues, weightedItems } from "./seedValues.js";
import { varianceOfMean } from "./varianceOfMean.js";

/** Variances of the mean over seeds and items, each as if only this varied, with its degrees of freedom. */
export interface TwoWay {
  /** s2_seed / k, of the seeds' means. */
  readonly seeds: number;
  /** s2_item / n, of the items' means. */
  readonly items: number;
  /** s2_res / (k n): of what is neither the seed's nor the item's, which the two others both hold. */
  readonly residual: number;
  readonly degrees: { readonly seeds: number; readonly items: number; readonly residual: number };
}

/**
 * The two-way table without replication (random effects of seeds and of items; Searle, Casella and McCulloch, Variance
 * Components, 1992, chapter 4). A missing value leaves the residual: it has one cell, and one degree of freedom, less.
 */
export function twoWay(values: SeedValues, options: ItemOptions = {}): TwoWay {
  const rows = values.filter((row) => row.some((value) => value !== null));
  const means = itemMeans(rows);
  const items = weightedItems(means, options);
  const seedMeans = rows.map((row) => meanOverSeeds([row], options));
  const grand = mean(seedMeans);
  const [k, n] = [rows.length, items.length];
  let [squares, cells, spare] = [0, 0, 0];
  for (const [item, ofItem] of means.entries()) {
    if (ofItem === null || options.weights?.[item] === 0) continue;
    const share = options.weights?.[item] ?? 1;
    for (const [seed, row] of rows.entries()) {
      const value = row[item] ?? null;
      if (value === null) continue;
      squares += share * (value - ofItem - (seedMeans[seed] as number) + grand) ** 2;
      spare += share;
      cells += 1;
    }
  }
  const degrees = { seeds: k - 1, items: n - 1, residual: Math.max(1, cells - n - k + 1) };
  const effective = 1 / items.reduce((sum, { weight }) => sum + weight * weight, 0);
  return {
    seeds: seedMeans.reduce((sum, one) => sum + (one - grand) ** 2, 0) / (k - 1) / k,
    items: varianceOfMean(items, true),
    residual: ((squares / spare) * cells) / degrees.residual / (k * effective),
    degrees,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
