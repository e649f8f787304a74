// The mean of a number over tunings and items, with both of its intervals.

import type { Quantity } from "../../select/types.js";
import { crossedInterval } from "../../statistics/crossedInterval.js";
import { itemMeans } from "../../statistics/itemMeans.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import type { ItemOptions, SeedValues } from "../../statistics/seedValues.js";

/**
 * Several masks of one tuning are no tunings: of a new one they say what their mean does.
 * @param tunings of each row of the values, the seed of its tuning
 */
export function intervalsOf(values: SeedValues, tunings: readonly string[], options: ItemOptions): Quantity {
  const { low, high } = crossedInterval(values, { ...options, over: "these" }) ?? {};
  const fresh = crossedInterval(tuningMeans(values, tunings), { ...options, over: "new" });
  return {
    value: meanOverSeeds(values, options),
    ...(low !== undefined && { low, high }),
    ...(fresh && { newLow: fresh.low, newHigh: fresh.high }),
  };
}

/** One row a tuning, in the order in which they come: the means of its masks. */
export function tuningMeans(values: SeedValues, tunings: readonly string[]): SeedValues {
  const names = [...new Set(tunings)];
  if (names.length === values.length) return values;
  return names.map((name) => itemMeans(values.filter((_, at) => tunings[at] === name)));
}
