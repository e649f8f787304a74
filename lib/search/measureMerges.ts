// Measures merges of the searched models, many at once: each tuning's merges are variants of one virtual merge, asked in one batch.

import type { Task } from "../evaluate/types.js";
import type { TunedModel } from "../experiment/candidates/merges.js";
import type { Graph } from "../experiment/stages.js";
import type { Measuring } from "../experiment/steps/measuring.js";
import type { StepRecord } from "../experiment/steps/step.js";
import { measure, type SeedResults } from "../experiment/tables/measure.js";
import type { TableItems } from "../experiment/tables/tableItems.js";
import type { Recipe } from "../recipe/types.js";
import type { Measured } from "../report/types.js";
import { recipeAt, type TensorGroup } from "./groups.js";

export interface MergeMeasuring {
  readonly aligned: string;
  readonly tuned: readonly TunedModel[];
  readonly groups: readonly TensorGroup[];
  readonly measuring: Measuring;
  readonly graph: Graph;
}

/** What a set is asked, and what its table has. */
export interface AskedSets {
  /** Of each tuning: it may have a split of its own. */
  readonly tasksOf: (tuning: string) => readonly Task[];
  readonly items: TableItems;
}

export interface MeasuredMerges {
  /** One a point, in their order: the mean over the tunings. */
  readonly measured: readonly Measured[];
  /** What it took, also in a run before. */
  readonly newTokens: number;
  readonly seconds: number;
}

/**
 * @param points coefficients, rounded, one a group
 * @param name for people
 * @param part for people: what a plan counts it to
 */
export async function measureMerges(
  { aligned, tuned, groups, measuring, graph }: MergeMeasuring,
  points: readonly (readonly number[])[],
  { tasksOf, items }: AskedSets,
  name: string,
  part = name,
): Promise<MeasuredMerges> {
  const measurements = tuned.map(({ seed, model }) => {
    const recipe = recipeOf({ aligned, tuned: model });
    const variants = points.map((coefficients) => recipeAt({ aligned, tuned: model }, groups, coefficients));
    const subject = { kind: "merge", recipe, maskSeed: 0, variants } as const;
    return { seed, measurement: measuring.measure(`${name}, seed ${seed}, merge`, subject, tasksOf(seed), part) };
  });
  const records = await graph(measurements.flatMap(({ measurement }) => measurement.batches));
  const seeds: { seed: string; results: SeedResults["results"][] }[] = [];
  for (const { seed, measurement } of measurements) {
    const { results } = await measurement.read(undefined);
    seeds.push({ seed, results: [...results] });
  }
  return {
    measured: points.map((_, at) =>
      measure(
        seeds.map(({ seed, results }) => ({ seed, tuning: seed, results: results[at] as SeedResults["results"] })),
        items,
      ),
    ),
    ...spent([...records.values()]),
  };
}

/** The merge without its weights: what all points are variants of. */
function recipeOf({ aligned, tuned }: { readonly aligned: string; readonly tuned: string }): Recipe {
  return { merge_method: "task_arithmetic", base_model: aligned, models: [{ model: tuned }] } as Recipe;
}

function spent(records: readonly StepRecord[]): Pick<MeasuredMerges, "newTokens" | "seconds"> {
  const sum = (of: (record: StepRecord) => number) => records.reduce((total, record) => total + of(record), 0);
  return { newTokens: sum(({ newTokens }) => newTokens), seconds: sum(({ seconds }) => seconds) };
}
