// Of a set that was asked in several ways: the share of its requests that succeeded in at least one of them.

import type { Results } from "../../evaluate/run/results.js";
import { anyVariant, variantGroups, variantMetrics } from "../../evaluate/run/variantRates.js";
import { anyVariantName } from "../../report/variantNames.js";
import type { Quantity } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { intervalsOf } from "./intervalsOf.js";

/** One seed's evaluation, and the seed of its tuning where that is another one. */
interface SeedTasks {
  readonly seed: string;
  readonly tuning?: string | undefined;
  readonly results: Pick<Results, "tasks">;
}

/**
 * By the name that stands among the metrics. The set as it stands counts among its variants where it was asked all of their requests: in
 * an experiment that halves its sets it was asked a half of them.
 */
export function anyVariants(seeds: readonly SeedTasks[]): [string, Quantity][] {
  const groups = seeds.map(({ results }) => variantGroups(results.tasks));
  return (groups[0] ?? []).flatMap(({ set, plain, stressed }) => {
    const same = plain?.items.length === stressed[0]?.items.length;
    const names = [...(plain && same ? [plain] : []), ...stressed].map(({ name }) => name);
    if (names.length < 2) return [];
    const rows = seeds.map(({ results }) =>
      names.flatMap((name) => results.tasks.find((one) => one.name === name) ?? []),
    );
    if (rows.some((row) => row.length < names.length)) return [];
    return variantMetrics(rows.flat()).flatMap((metric): [string, Quantity][] => {
      const requests = rows.map((row) => anyVariant(row, metric));
      const ids = [...(requests[0]?.keys() ?? [])];
      const values = requests.map((of) => ids.map((id) => of?.get(id) ?? null));
      const tunings = seeds.map(({ seed, tuning = seed }) => tuning);
      const found = intervalsOf(values, tunings, {});
      if (Number.isNaN(found.value)) return [];
      const own = seeds.map(({ seed }, at) => ({ seed, value: meanOverSeeds([values[at] ?? []]) }));
      return [[`${anyVariantName(set, names.length)}: ${metric}`, { ...found, seeds: own }]];
    });
  });
}
