// Controls of the choice: other ways to change less, measured on the data that chose, and at the chosen merge's task score on the
// data that confirm. They come after the choice, which they are no part of.

import { rm } from "node:fs/promises";
import type { ControlComparison, ControlCurve, ControlResults } from "../../report/types.js";
import { candidateId, nameOf, seriesOf } from "../../select/names.js";
import type { Better } from "../../select/types.js";
import type { MergeSeries } from "../candidates/merges.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { TableLabels } from "../checks/labels.js";
import { compareControl, type TestedPoint } from "../controls/compareControl.js";
import { type CurvePoint, lineAtScore } from "../controls/lineAtScore.js";
import { summaryOf } from "../controls/summaryOf.js";
import { withVerdicts } from "../controls/withVerdicts.js";
import type { Digest } from "../digests/digestOf.js";
import { type WantedControl, wantedControls } from "../settings/controlEntry.js";
import { controlFacts } from "../settings/controlKinds.js";
import { choosingWeights } from "../settings/engineOf.js";
import { numbersByTuning } from "../tables/numbersByTuning.js";
import type { Calibrating } from "./calibrating.js";
import { type ControlSeries, type ControlSeriesParts, controlSeries } from "./controlSeries.js";
import type { Tables } from "./measureStage.js";
import type { Measurement, Measuring, Part } from "./measuring.js";
import { pointsOf } from "./seriesMeasurement.js";
import type { Batch, StepRecord } from "./step.js";

export interface ControlStageParts extends ControlSeriesParts {
  readonly measuring: Measuring;
  readonly calibrating: Calibrating;
  /** Does steps. */
  readonly graph: (batches: readonly Batch[]) => Promise<ReadonlyMap<Digest<"step">, StepRecord>>;
  /** Waits until no other worker does what has this key, and keeps it from doing it meanwhile. */
  readonly inTurn: (key: string, work: () => Promise<void>) => Promise<void>;
  readonly tables: Tables;
  readonly labels: TableLabels;
  /** Whether more of the score is better, of each part. */
  readonly better: Readonly<Record<Part, Better>>;
  /** The choice as it was measured on the data that chose, and on those that confirm; undefined where nothing was chosen. */
  readonly chosen: { readonly validation: EvaluatedPoint; readonly test: EvaluatedPoint } | undefined;
}

/** undefined where the experiment asks for none. */
export async function controlStage(parts: ControlStageParts): Promise<ControlResults | undefined> {
  const wanted = wantedControls(parts.settings);
  if (wanted.length === 0) return undefined;
  const curves: ControlCurve[] = [];
  const comparisons: ControlComparison[] = [];
  for (const one of wanted) {
    const control = await controlSeries(one, parts);
    await parts.graph(control.batches);
    await parts.models.learn(control.kept);
    const points = await measured(control, "validation", control.series.map(allOf), parts);
    curves.push({ kind: one.kind, name: controlFacts(one.kind).words, points: points.map((point) => point.measured) });
    const found = await compared(one, control, points, parts);
    if (found) comparisons.push(found);
    // large, and of no more use: what they answered is kept
    for (const { folder, batch } of control.passing.values()) {
      await parts.inTurn(batch.key, () => rm(folder, { recursive: true, force: true }));
    }
  }
  const told = withVerdicts(comparisons);
  const { chosen, labels } = parts;
  const sentence = chosen && summaryOf(told, { merge: nameOf(chosen.test.measured), rate: labels.test.asr });
  return { curves, ...(sentence !== undefined && { sentence }), comparisons: told };
}

/** A series at some of its lambdas. */
type Asked = Pick<EvaluatedPoint, "series"> & { readonly lambdas: readonly number[] | undefined };

function allOf(series: MergeSeries): Asked {
  return { series, lambdas: series.values };
}

/** Asks what was not asked yet; models that pass are made only where something is missing. */
async function measured(
  { passing }: ControlSeries,
  part: Part,
  asked: readonly Asked[],
  { settings, measuring, calibrating, records, graph, tables }: ControlStageParts,
): Promise<EvaluatedPoint[]> {
  const inBlocks = choosingWeights(settings);
  const all = asked.map(({ series, lambdas }) => ({
    series: { ...series, values: lambdas },
    merges: series.merges.map((merge) => {
      const { recipe, maskSeed, seed = ALL, tuning } = merge;
      const name = `${seriesOf(series)} seed ${seed}${part === "test" ? ", test" : ""}`;
      const subject = {
        kind: "merge",
        recipe,
        maskSeed,
        ...(lambdas && { lambdas }),
        ...(part === "validation" && inBlocks),
      } as const;
      const tasks = part === "test" ? measuring.tasksOf("test") : measuring.tasksOf("validation", tuning);
      return { merge, measurement: measuring.measure(name, subject, tasks) };
    }),
  }));
  const makes: Batch[] = [];
  for (const { merge, measurement } of all.flatMap(({ merges }) => merges)) {
    const made = passing.get(merge);
    // others may ask the rest, and remove the model, before it is made again
    const needless = async () => !(await isMissing(measurement));
    if (made && !(await needless())) makes.push({ ...made.batch, needless });
  }
  await graph(makes);
  await graph(all.flatMap(({ merges }) => merges.flatMap(({ measurement }) => measurement.batches)));
  const calibration = await calibrating.read();
  const points: EvaluatedPoint[] = [];
  for (const { series, merges } of all) {
    const read = [];
    for (const { merge, measurement } of merges) read.push({ merge, ...(await measurement.read(calibration)) });
    points.push(...pointsOf(series, read, tables.items[part]));
  }
  return points;

  async function isMissing({ batches }: Measurement): Promise<boolean> {
    for (const step of batches.flatMap(({ steps }) => steps)) if (!(await records.find(step))) return true;
    return false;
  }
}

async function compared(
  { kind }: WantedControl,
  control: ControlSeries,
  points: readonly EvaluatedPoint[],
  parts: ControlStageParts,
): Promise<ControlComparison | undefined> {
  const { chosen, tables, labels, better } = parts;
  if (!chosen) return undefined;
  const { from, falls } = controlFacts(kind);
  const own = points.map((point) => ({ ...numbersByTuning(point.seeds, tables.items.validation), own: true, point }));
  const end = (role: "aligned" | "tuned") => ({
    ...{ ...numbersByTuning(tables[role].validation, tables.items.validation), own: false, role },
  });
  const curve: (CurvePoint & { readonly point?: EvaluatedPoint; readonly role?: "aligned" | "tuned" })[] = [
    end("aligned"),
    ...(falls ? own.toReversed() : own),
    ...(from === "model" ? [] : [end("tuned")]),
  ];
  const line = lineAtScore(curve, chosen.validation.measured.score.value, better.validation);
  if (!line) return undefined;
  const tested = async ({ point, role }: (typeof curve)[number]): Promise<TestedPoint> => {
    if (role !== undefined) {
      const name = role === "aligned" ? "the aligned model" : "the fine-tuned model";
      return { name, isAligned: role === "aligned", ...numbersByTuning(tables[role].test, tables.items.test) };
    }
    const { series, value: lambda } = point as EvaluatedPoint;
    const [found] = await measured(
      control,
      "test",
      [{ series, lambdas: lambda === undefined ? undefined : [lambda] }],
      parts,
    );
    return {
      name: nameOf((found as EvaluatedPoint).measured),
      ...numbersByTuning((found as EvaluatedPoint).seeds, tables.items.test),
    };
  };
  const merged = { name: nameOf(chosen.test.measured), ...numbersByTuning(chosen.test.seeds, tables.items.test) };
  const common = { kind, merged, labels: labels.test, better: better.test };
  return line.at === "equal score"
    ? compareControl({
        ...common,
        line: { at: line.at, lower: await tested(line.lower), upper: await tested(line.upper) },
      })
    : compareControl({ ...common, line: { at: line.at, point: await tested(line.point) } });
}

/** What was chosen, in the tables of both parts. */
export function chosenPoint(
  best: EvaluatedPoint | undefined,
  written: readonly { readonly tested: EvaluatedPoint }[],
): ControlStageParts["chosen"] {
  const test =
    best && written.find(({ tested }) => candidateId(tested.measured) === candidateId(best.measured))?.tested;
  return best && test && { validation: best, test };
}
