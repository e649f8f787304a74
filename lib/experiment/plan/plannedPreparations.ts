// What a run makes for methods that read their models before they merge: once for each tuning, kept until the run ends.

import { seriesOf } from "../../select/names.js";
import { type MergeSeries, mergeSeries, type TunedModel } from "../candidates/merges.js";
import type { Checked } from "../checks/checked.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { isOpenedByValue, seriesLabel } from "../steps/seriesMeasurement.js";
import { WRITTEN } from "../steps/writeStage.js";
import type { LookedAt } from "./lookout.js";

/**
 * At most: what of it a run needs depends on which merges it still asks or writes.
 * @param seen steps of the run that are known
 * @param isOver whether nothing comes after these
 */
export function plannedPreparations(
  settings: ExperimentSettings,
  models: readonly TunedModel[],
  { preparations }: Checked,
  { seen, isOver }: { readonly seen: readonly LookedAt[]; readonly isOver: boolean },
): LookedAt[] {
  const series = mergeSeries(settings, models);
  return [...preparations].flatMap(([at, { bytes, tokens = 0, multiplications = 0 }]) => {
    const own = series[at] as MergeSeries;
    const needing = [seriesLabel(own), WRITTEN];
    if (isOver && !seen.some(({ part, missing }) => needing.includes(part) && missing > 0)) return [];
    const units = timesOf(own);
    const prepared = { tokens: units * tokens, multiplications: units * multiplications };
    const remains = [{ prepared, bytes: units * bytes, units, pending: true }];
    return [{ part: `inputs of ${seriesOf(own)}, at most ${units}`, units, missing: units, remains }];
  });
}

/** Once for all lambdas and masks, and anew for each value of what decides the inputs. */
function timesOf(series: MergeSeries): number {
  const recipes = new Set(series.merges.map(({ recipe }) => JSON.stringify(recipe)));
  return recipes.size * (isOpenedByValue(series) ? (series.values?.length ?? 1) : 1);
}
