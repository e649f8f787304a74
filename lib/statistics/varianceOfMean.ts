// How far a mean over items lies from that over all the items that might have been asked.

import type { WeightedItem } from "./seedValues.js";

/**
 * The variance of the weighted mean of a stratified sample (Cochran, Sampling Techniques, 1977, chapter 5): only the items
 * within a group vary. For equal weights and one group it is s² / n. Groups of one item are taken together, since one
 * item alone does not vary.
 * @param bessel divide by n (false) as for a rate, or by n - 1 (true), in each group
 */
export function varianceOfMean(items: readonly WeightedItem[], bessel: boolean): number {
  const groups = new Map<number, WeightedItem[]>();
  for (const item of items) {
    const group = groups.get(item.group);
    if (group) group.push(item);
    else groups.set(item.group, [item]);
  }
  const single = [...groups.values()].filter((group) => group.length === 1).flat();
  const several = [...groups.values()].filter((group) => group.length > 1);
  // a single one without another single one: no group is known to be its own, so all are one
  const strata = single.length === 0 ? several : single.length === 1 ? [[...items]] : [...several, single];
  return strata.reduce((sum, group) => sum + ofGroup(group, bessel), 0);
}

function ofGroup(items: readonly WeightedItem[], bessel: boolean): number {
  const n = items.length;
  const weights = items.reduce((sum, { weight }) => sum + weight, 0);
  const mean = items.reduce((sum, { weight, value }) => sum + weight * value, 0) / weights;
  const squares = items.reduce((sum, { weight, value }) => sum + (weight * (value - mean)) ** 2, 0);
  return bessel ? (squares * n) / (n - 1) : squares;
}
