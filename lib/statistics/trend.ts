// Whether outcomes rise with lambda, from the same items at every lambda.

import { normalTail } from "./normalTail.js";

/**
 * A permutation test within items: under the null hypothesis an item's outcomes may be exchanged between lambdas. The
 * statistic is sum over items of sum (lambda - mean) * outcome, with its exact mean 0 and variance under permutation
 * (the extended Mantel test of mean scores; Mantel, JASA 58, 1963); z is compared with the normal distribution.
 * @param outcomes by item, one for each lambda
 * @returns undefined where nothing varies
 */
export function trend(
  lambdas: readonly number[],
  outcomes: readonly (readonly number[])[],
): { readonly z: number; readonly p: number } | undefined {
  const n = lambdas.length;
  const mean = lambdas.reduce((sum, one) => sum + one, 0) / n;
  const spread = lambdas.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  let [statistic, variance] = [0, 0];
  for (const row of outcomes) {
    const centre = row.reduce((sum, one) => sum + one, 0) / n;
    statistic += row.reduce((sum, one, at) => sum + ((lambdas[at] as number) - mean) * one, 0);
    variance += (spread * row.reduce((sum, one) => sum + (one - centre) ** 2, 0)) / (n - 1);
  }
  if (!(variance > 0)) return undefined;
  const z = statistic / Math.sqrt(variance);
  return { z, p: 2 * normalTail(Math.abs(z)) };
}
