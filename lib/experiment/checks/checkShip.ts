// Whether every merge that can be chosen can be written in each form that is to ship, and how many bytes each form takes.

import type { PlanOptions } from "../../merge/options.js";
import { plan } from "../../merge/plan.js";
import type { Recipe } from "../../recipe/types.js";
import { mergeAt, mergeSeries, type TunedModel } from "../candidates/merges.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { isWrittenMerge, shipForms } from "../settings/shipForms.js";

export interface CheckShipParts {
  readonly problems: Problems;
  readonly signal: AbortSignal | undefined;
  /** Folders that stand for models that are still to be tuned. */
  readonly models: Readonly<Record<string, string>> | undefined;
}

/** @returns bytes by the form's name; of forms that are the written merge itself none */
export async function checkShip(
  settings: ExperimentSettings,
  tuned: readonly TunedModel[],
  { problems, signal, models }: CheckShipParts,
): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  for (const [at, form] of shipForms(settings).entries()) {
    if (isWrittenMerge(form)) continue;
    const { name, format, quantise, dtype, rank } = form;
    const path = ["ship", at];
    if (problems.touches(path)) continue;
    for (const series of mergeSeries(settings, tuned)) {
      const [first] = series.merges;
      if (!first) continue;
      const { recipe: own, lambda, maskSeed } = mergeAt(series, first, series.values?.[0]);
      const recipe = { ...(own as object), ...(dtype && { out_dtype: dtype }) } as Recipe;
      const options = { lambda, seed: maskSeed, models, format, quantise, rank, signal };
      const found = await problems.attempt(() => plannedBytes(recipe, options, models !== undefined), path);
      if (found === undefined) break;
      bytes.set(name, Math.max(bytes.get(name) ?? 0, found));
    }
  }
  return bytes;
}

/** Of all forms, and of the largest copy of another model that is written to be measured in a form, and removed. */
export function bytesOfShipped(settings: ExperimentSettings, bytesOfForms: ReadonlyMap<string, number>): number {
  const bytes = [...bytesOfForms.values()].reduce((total, one) => total + one, 0);
  const copies = shipForms(settings).map(({ name, allModels }) => (allModels ? (bytesOfForms.get(name) ?? 0) : 0));
  return bytes + Math.max(0, ...copies);
}

/** What stands for a tuned model has no change: of an adapter the plain merge says the most that it takes. */
async function plannedBytes(recipe: Recipe, options: PlanOptions, stands: boolean): Promise<number> {
  const { format, rank: _, ...plain } = options;
  const planned = stands && format === "adapter" ? plain : options;
  return (await plan(recipe, { ...planned, headersOnly: true })).estimate.bytesWritten;
}
