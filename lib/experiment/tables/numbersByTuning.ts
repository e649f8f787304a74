// The two numbers of a model with a row of values for each tuning, for comparisons in which a tuning counts once.

import type { Quantity } from "../../select/types.js";
import { itemMeans } from "../../statistics/itemMeans.js";
import { measure, type SeedResults } from "./measure.js";
import type { TableItems } from "./tableItems.js";

export interface TaskAndSafety {
  readonly score: Quantity;
  readonly asr: Quantity;
}

/** Of several masks of a tuning, the mean of each item. */
export function numbersByTuning(seeds: readonly SeedResults[], items: TableItems): TaskAndSafety {
  const { score, asr } = measure(seeds, items);
  const tunings = seeds.map(({ seed, tuning = seed }) => tuning);
  const names = [...new Set(tunings)];
  const byTuning = (of: Quantity): Quantity => ({
    ...of,
    values: names.map((name) => itemMeans((of.values ?? []).filter((_, at) => tunings[at] === name))),
  });
  return names.length === seeds.length ? { score, asr } : { score: byTuning(score), asr: byTuning(asr) };
}
