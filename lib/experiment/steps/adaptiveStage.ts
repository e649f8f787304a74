// Asks the merges of an adaptive experiment: block by block through the same steps as any other, until the choice is made.

import type { Results } from "../../evaluate/run/results.js";
import { candidateId, compareTexts } from "../../select/names.js";
import { completeRule } from "../../select/rule.js";
import { tableGate } from "../../select/tableGate.js";
import type { Quantity } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { askedOf, isFinished, sharesOf } from "../adaptive/finishedTable.js";
import { looksOf } from "../adaptive/looksOf.js";
import { nextBlocks } from "../adaptive/nextBlocks.js";
import { type AdaptivePlan, type Block, type CandidateSoFar, type DeclaredItems, spends } from "../adaptive/types.js";
import { type MergeSeries, mergeSeries } from "../candidates/merges.js";
import type { EvaluatedPoint } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import { betterOf } from "../checks/labels.js";
import { skillFacts } from "../checks/skillFacts.js";
import type { Digest } from "../digests/digestOf.js";
import { candidateOf } from "../settings/declaredSeries.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { calibrationIn } from "../tables/correctedQuantity.js";
import { measure, type SeedResults } from "../tables/measure.js";
import { type TableItem, valuesOf, weighing } from "../tables/tableItems.js";
import type { MeasureStageParts, Tables } from "./measureStage.js";
import { type Counts, PartialTasks } from "./partialTasks.js";
import { type MeasuredMerge, seedsAt, seriesMeasurement, straightShareOf } from "./seriesMeasurement.js";
import type { Batch, StepRecord } from "./step.js";

export interface AdaptiveStageParts extends MeasureStageParts {
  readonly checked: Pick<Checked, "tasks">;
  /** Does steps. */
  readonly graph: (batches: readonly Batch[]) => Promise<ReadonlyMap<Digest<"step">, StepRecord>>;
}

/** Of one candidate: what was asked of it so far, and what came of it. */
export interface Course {
  readonly counts: Counts;
  readonly seeds: readonly SeedResults[];
  readonly straightShare?: number | undefined;
}

/** Lambdas of one series that are asked the same items. */
interface Request {
  readonly series: MergeSeries;
  readonly counts: Counts;
  readonly values: (number | undefined)[];
}

const NONE: Counts = { safety: 0, task: 0, "over-refusal": 0, skills: 0 };

export interface AskedSeries {
  /** With all merges, finished or not. */
  readonly tables: Tables;
  /** By `candidateId`. */
  readonly courses: ReadonlyMap<string, Course>;
}

export interface AskedBefore {
  readonly series: readonly MergeSeries[];
  readonly courses: ReadonlyMap<string, Course>;
  /** What a plan counts further blocks to. */
  readonly label: string;
}

/**
 * @param ends the tables of the models that were asked everything
 * @param before series with further lambdas, and what was asked of them already; the experiment's own series from nothing by default
 */
export async function adaptiveStage(
  ends: Tables,
  parts: AdaptiveStageParts,
  before?: AskedBefore,
): Promise<AskedSeries> {
  const { settings, tuned, measuring, calibrating, progress, graph } = parts;
  const series = before?.series ?? mergeSeries(settings, tuned);
  const items = ends.items.validation;
  const plan = planOf(series, ends, settings, parts.checked);
  const aligned = measure(ends.aligned.validation, items);
  const fineTuned = measure(ends.tuned.validation, items);
  const partial = new PartialTasks(items, plan, (tuning) => measuring.tasksOf("validation", tuning));
  const calibration = await calibrating.read();
  const courses = new Map(before?.courses);
  for (;;) {
    const candidates = new Map([...courses].map(([id, course]) => [id, soFarOf(course, ends, plan)]));
    const blocks = nextBlocks(plan, { aligned, tuned: fineTuned, candidates });
    if (blocks.length === 0) break;
    const asked = requestsOf(series, blocks, courses).map((request) => ({
      request,
      merges: request.series.merges.map((merge) => ({
        merge,
        measurement: seriesMeasurement(request.series, merge, parts, {
          ...(request.series.values && { values: request.values as number[] }),
          tasks: partial.of(request.counts, merge.tuning),
          words: `, ${wordsOf(request)}`,
          label: before?.label,
        }),
      })),
    }));
    await graph(asked.flatMap(({ merges }) => merges.flatMap(({ measurement }) => measurement.batches)));
    for (const { request, merges } of asked) {
      const measured: MeasuredMerge[] = [];
      for (const { merge, measurement } of merges) measured.push({ merge, ...(await measurement.read(calibration)) });
      const straightShare = straightShareOf(measured);
      for (const [at, value] of request.values.entries()) {
        const id = candidateId(candidateOf(request.series, value));
        courses.set(id, { counts: request.counts, seeds: seedsAt(measured, at), straightShare });
      }
    }
  }
  const points = series.flatMap((one) =>
    (one.values ?? [undefined]).map((value): EvaluatedPoint => {
      const course = courses.get(candidateId(candidateOf(one, value)));
      return pointOf(one, value, course, ends, plan);
    }),
  );
  progress.candidates(points.flatMap(({ measured }) => (measured.unfinished ? [] : [measured])));
  return { tables: { ...ends, points, ...(spends(plan) && { looks: sharesOf(plan) }) }, courses };
}

function planOf(
  series: readonly MergeSeries[],
  { aligned, items: { validation } }: Tables,
  { select }: ExperimentSettings,
  { tasks }: Pick<Checked, "tasks">,
): AdaptivePlan {
  const calibration = calibrationIn(aligned.validation);
  const rule = completeRule(select);
  const skills = skillFacts({ tasks }, "validation");
  const gate = tableGate(rule, { skills });
  return {
    ...{ series, rule },
    ...(gate && { gate }),
    ...(skills && { skills }),
    better: betterOf(tasks.validation),
    ...(select.corrected && calibration && { calibration }),
    items: {
      safety: declared(validation.safety),
      task: declared(validation.task),
      "over-refusal": declared(validation["over-refusal"]),
      ...(validation.skills.length > 0 && { skills: declared(validation.skills) }),
    },
  };
}

/** By the prompts' digests, so that every block is a random part, and items that are added later change the order of none. */
function declared(items: readonly TableItem[]): DeclaredItems {
  const prompt = (at: number) => (items[at] as TableItem).prompt;
  const order = items.map((_, at) => at).sort((a, b) => compareTexts(prompt(a), prompt(b)) || a - b);
  return { order, looks: looksOf(items.length), ...weighing(items) };
}

/** What was asked before is asked again with it: the store has it. */
function requestsOf(
  series: readonly MergeSeries[],
  blocks: readonly Block[],
  courses: ReadonlyMap<string, Course>,
): Request[] {
  const requests = new Map<string, Request>();
  for (const one of series) {
    for (const value of one.values ?? [undefined]) {
      const id = candidateId(candidateOf(one, value));
      const own = blocks.filter(({ candidate }) => candidateId(candidate) === id);
      if (own.length === 0) continue;
      const counts = { ...(courses.get(id)?.counts ?? NONE) };
      for (const { part, to } of own) counts[part] = to;
      const key = JSON.stringify([
        series.indexOf(one),
        counts.safety,
        counts.task,
        counts["over-refusal"],
        counts.skills,
      ]);
      const known = requests.get(key);
      if (known) known.values.push(value);
      else requests.set(key, { series: one, counts, values: [value] });
    }
  }
  return [...requests.values()];
}

function wordsOf({ series: { varied }, counts, values }: Request): string {
  const at = values[0] === undefined ? "" : `${varied?.parameter ?? "lambda"} ${values.join(", ")}, `;
  const all = Object.entries(counts).filter(([, count]) => count > 0);
  return `${at}${all.map(([part, count]) => `${count} of ${part}`).join(", ")}`;
}

function soFarOf(
  { counts, seeds }: Course,
  { items: { validation } }: Tables,
  { items, gate }: AdaptivePlan,
): CandidateSoFar {
  const results = seeds.map((one) => one.results);
  const asked = (part: keyof Counts) => ({ asked: counts[part], values: valuesOf(results, validation[part]) });
  const categories = gate?.metrics.includes("worstCategory") && counts.safety === items.safety.order.length;
  const whole = items.skills && counts.skills === items.skills.order.length;
  return {
    ...{ safety: asked("safety"), task: asked("task"), "over-refusal": asked("over-refusal") },
    ...(items.skills && { skills: asked("skills") }),
    ...(categories && { categories: eachOf(results, validation.safety, ({ category }) => category) }),
    ...(whole && { bySkill: eachOf(results, validation.skills, ({ skill }) => skill) }),
  };
}

function eachOf<T extends TableItem>(
  results: readonly Results[],
  items: readonly T[],
  nameOf: (item: T) => string | undefined,
): Record<string, Quantity> {
  const names = [...new Set(items.flatMap((item) => nameOf(item) ?? []))];
  return Object.fromEntries(
    names.map((name): [string, Quantity] => {
      const own = items.filter((item) => nameOf(item) === name);
      const [values, options] = [valuesOf(results, own), weighing(own)];
      return [name, { value: meanOverSeeds(values, options), values, ...options }];
    }),
  );
}

/** One that was not asked everything has numbers of what it was asked, without intervals: what came out ended it. */
function pointOf(
  series: MergeSeries,
  value: number | undefined,
  course: Course | undefined,
  ends: Tables,
  plan: AdaptivePlan,
): EvaluatedPoint {
  const named = candidateOf(series, value);
  const { seeds = [], straightShare } = course ?? {};
  const so = course ? soFarOf(course, ends, plan) : {};
  if (isFinished(plan, so)) {
    return { series, value, seeds, measured: { ...named, ...measure(seeds, ends.items.validation, straightShare) } };
  }
  const [asr, score] = [askedOf(plan, so, "safety"), askedOf(plan, so, "task")];
  const unfinished = { asr, score, categories: {}, metrics: {}, unfinished: true as const };
  return { series, value, seeds, measured: { ...named, ...unfinished } };
}
