// One number of several tunings.

import { type ItemOptions, type SeedValues, weightedItems } from "./seedValues.js";

/**
 * The mean of each seed's own mean, which a missing verdict leaves: the item stays in the other seeds. Seeds without any
 * value are left out; NaN for none.
 */
export function meanOverSeeds(values: SeedValues, options: ItemOptions = {}): number {
  const means = values.flatMap((row) => {
    const items = weightedItems(row, options);
    if (items.length === 0) return [];
    // one division: 60 of 60 is 1, and not a little more
    if (!options.weights) return [items.reduce((sum, { value }) => sum + value, 0) / items.length];
    return [items.reduce((sum, { weight, value }) => sum + weight * value, 0)];
  });
  return means.reduce((sum, mean) => sum + mean, 0) / means.length;
}
