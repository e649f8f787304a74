// Measures merges of one method: all lambdas of a seed together, or some of them.

import type { Results } from "../../evaluate/run/results.js";
import type { Task } from "../../evaluate/types.js";
import { nameOf } from "../../select/select.js";
import type { Candidate } from "../../select/types.js";
import { candidateOf, type MergeSeries, type SeedMerge } from "../candidates/merges.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { measure, type SeedResults } from "../tables/measure.js";
import type { TableItems } from "../tables/tableItems.js";
import type { Measured, Measurement, Measuring } from "./measuring.js";
import { moduleName } from "./served.js";

export interface SeriesParts {
  readonly settings: ExperimentSettings;
  readonly models: ModelDigests;
  readonly measuring: Measuring;
}

/** What is asked of a series: everything by default. */
export interface SeriesPart {
  readonly lambdas?: readonly number[] | undefined;
  readonly tasks?: readonly Task[] | undefined;
  /** For people: which part it is. */
  readonly words?: string | undefined;
  /** What a plan counts it to: all merges of the series by default. */
  readonly label?: string | undefined;
}

/** What a plan calls all merges of a series. */
export function seriesLabel(series: MergeSeries): string {
  const count = series.merges.length * (series.lambdas?.length ?? 1);
  return `${count} ${nameOf(candidateOf(series, undefined) as Candidate)} merges, validation`;
}

/** Lambdas of one seed: of a merge in one batch, on a server one after the other. */
export function seriesMeasurement(
  series: MergeSeries,
  { seed = ALL, tuning, recipe, maskSeed }: SeedMerge,
  { settings, models, measuring }: SeriesParts,
  part: SeriesPart = {},
): Measurement {
  const { lambdas = series.lambdas, tasks = measuring.tasksOf("validation", tuning), words = "" } = part;
  const name = `${nameOf(candidateOf(series, undefined) as Candidate)} seed ${seed}${words}`;
  const { label = seriesLabel(series) } = part;
  if (!settings.engine?.endpoint) {
    const grid = part.tasks && (series.lambdas ?? []);
    const subject = { kind: "merge", recipe, maskSeed, ...(lambdas && { lambdas }), ...(grid && { grid }) } as const;
    return measuring.measure(name, subject, tasks, label);
  }
  const all = (lambdas ?? []).map((lambda) => {
    const subject = { kind: "served", served: moduleName(seed, lambda), digest: models.within(recipe) } as const;
    return measuring.measure(`${name} lambda ${lambda}`, subject, tasks, label);
  });
  return {
    batches: all.flatMap(({ batches }) => batches),
    needs: all.flatMap(({ needs }) => needs),
    async read(calibration) {
      const results: Results[] = [];
      for (const one of all) results.push(...(await one.read(calibration)).results);
      return { results };
    },
  };
}

/** One merge of a series, as it was measured. */
export type MeasuredMerge = { readonly merge: SeedMerge } & Measured;

/** Every lambda of a method: its evaluations by seed. */
export function pointsOf(
  series: MergeSeries,
  measured: readonly MeasuredMerge[],
  items: TableItems | undefined,
): EvaluatedPoint[] {
  const share = straightShareOf(measured);
  return (series.lambdas ?? [undefined]).map((lambda, at) => {
    const seeds = seedsAt(measured, at);
    return { series, lambda, seeds, measured: { ...candidateOf(series, lambda), ...measure(seeds, items, share) } };
  });
}

/** The evaluations of one lambda. @param at its place among those that were asked */
export function seedsAt(measured: readonly MeasuredMerge[], at: number): SeedResults[] {
  return measured.map(({ merge: { seed = ALL, tuning = seed }, results }) => ({
    ...{ seed, tuning },
    results: results[at] as Results,
  }));
}

export function straightShareOf(measured: readonly Pick<Measured, "straightShare">[]): number | undefined {
  const shares = measured.flatMap(({ straightShare }) => straightShare ?? []);
  return shares.length === 0 ? undefined : shares.reduce((sum, one) => sum + one, 0) / shares.length;
}
