// From several tunings to one number an item.

import type { SeedValues } from "./seedValues.js";

/** Of each item the mean of the seeds that have a value of it; null where none has. */
export function itemMeans(values: SeedValues): (number | null)[] {
  return (values[0] ?? []).map((_, item) => {
    let [sum, count] = [0, 0];
    for (const row of values) {
      const value = row[item];
      if (value === null || value === undefined) continue;
      sum += value;
      count += 1;
    }
    return count === 0 ? null : sum / count;
  });
}
