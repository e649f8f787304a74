// Measures merges of one method: all values of a seed together, or some of them.

import type { Results } from "../../evaluate/run/results.js";
import type { Task } from "../../evaluate/types.js";
import { preparedMethod } from "../../merge/prepared/preparedMethods.js";
import type { MethodName } from "../../recipe/methods.js";
import { seriesOf } from "../../select/names.js";
import { type MergeSeries, mergeAt, type SeedMerge } from "../candidates/merges.js";
import type { VirtualMergeSource } from "../candidates/openVirtual.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { candidateOf } from "../settings/declaredSeries.js";
import { choosingWeights } from "../settings/engineOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { measure, type SeedResults } from "../tables/measure.js";
import type { TableItems } from "../tables/tableItems.js";
import type { Measured, Measurement, Measuring } from "./measuring.js";
import { moduleName } from "./served.js";
import type { Subject } from "./subjects.js";

export interface SeriesParts {
  readonly settings: ExperimentSettings;
  readonly models: ModelDigests;
  readonly measuring: Measuring;
}

/** What is asked of a series: everything by default. */
export interface SeriesPart {
  readonly values?: readonly number[] | undefined;
  readonly tasks?: readonly Task[] | undefined;
  /** For people: which part it is. */
  readonly words?: string | undefined;
  /** What a plan counts it to: all merges of the series by default. */
  readonly label?: string | undefined;
}

/** What a plan calls all merges of a series. */
export function seriesLabel(series: MergeSeries): string {
  const count = series.merges.length * (series.values?.length ?? 1);
  return `${count} ${seriesOf(series)} merges, validation`;
}

/** Values of one seed: in one batch where one open merge can answer for all of them, else one after the other. */
export function seriesMeasurement(
  series: MergeSeries,
  merge: SeedMerge,
  { settings, models, measuring }: SeriesParts,
  part: SeriesPart = {},
): Measurement {
  const { seed = ALL, tuning, recipe } = merge;
  const { values = series.values, tasks = measuring.tasksOf("validation", tuning), words = "" } = part;
  const name = `${seriesOf(series)} seed ${seed}${words}`;
  const { label = seriesLabel(series) } = part;
  if (settings.engine?.endpoint) {
    return oneByOne(values ?? [], (lambda) => {
      const subject = { kind: "served", served: moduleName(seed, lambda), digest: models.within(recipe) } as const;
      return measuring.measure(`${name} lambda ${lambda}`, subject, tasks, label);
    });
  }
  const { varied } = series;
  if (isOpenedByValue(series)) {
    return oneByOne(values ?? [], (value) => {
      const [subject] = seriesSubjects(series, merge, settings, [value]);
      const grid = part.tasks && {};
      return measuring.measure(
        `${name} ${varied?.parameter} ${value}`,
        { ...(subject as MergeSubject), grid },
        tasks,
        label,
      );
    });
  }
  const [subject] = seriesSubjects(series, merge, settings, values);
  const grid = part.tasks && openedAt(series, merge, series.values);
  return measuring.measure(name, { ...(subject as MergeSubject), grid }, tasks, label);
}

export type MergeSubject = Extract<Subject, { kind: "merge" }>;

/** What is opened for values of a series that runs here: all at once, or one after the other. */
export function seriesSubjects(
  series: MergeSeries,
  merge: SeedMerge,
  settings: Pick<ExperimentSettings, "engine">,
  values: readonly number[] | undefined = series.values,
): MergeSubject[] {
  const { recipe, maskSeed } = merge;
  const { varied } = series;
  const inBlocks = choosingWeights(settings);
  if (isOpenedByValue(series)) {
    return (values ?? []).map((value) => ({
      ...{ kind: "merge", recipe: mergeAt(series, merge, value).recipe, maskSeed },
      ...inBlocks,
    }));
  }
  const names = varied && values?.map((value) => `${varied.parameter} ${value}`);
  return [{ kind: "merge", recipe, maskSeed, ...openedAt(series, merge, values), names, ...inBlocks }];
}

/** Whether inputs are made for each value, so that no two are open at once. */
export function isOpenedByValue({ method, varied }: MergeSeries): boolean {
  return varied !== undefined && preparedMethod(method as MethodName).decides.includes(varied.parameter);
}

function openedAt(
  series: MergeSeries,
  merge: SeedMerge,
  some: readonly number[] | undefined,
): Pick<VirtualMergeSource, "lambdas" | "variants"> {
  return series.varied ? { variants: some?.map((value) => mergeAt(series, merge, value).recipe) } : { lambdas: some };
}

function oneByOne(values: readonly number[], measure: (value: number) => Measurement): Measurement {
  const all = values.map(measure);
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

/** Every value of a series: its evaluations by seed. */
export function pointsOf(
  series: MergeSeries,
  measured: readonly MeasuredMerge[],
  items: TableItems | undefined,
): EvaluatedPoint[] {
  const share = straightShareOf(measured);
  return (series.values ?? [undefined]).map((value, at) => {
    const seeds = seedsAt(measured, at);
    return { series, value, seeds, measured: { ...candidateOf(series, value), ...measure(seeds, items, share) } };
  });
}

/** The evaluations of one value. @param at its place among those that were asked */
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
