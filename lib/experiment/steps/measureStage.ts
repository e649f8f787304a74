// Measures the models and all merges of an experiment: their answers and verdicts are steps, and the tables are put together as
// soon as a model's are there.

import type { Calibration } from "../../evaluate/run/results.js";
import { mergeSeries, type TunedModel, wholeModel } from "../candidates/merges.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { choosingWeights } from "../settings/engineOf.js";
import { leavesOut } from "../settings/leavesOut.js";
import { modelParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { measure, type SeedResults } from "../tables/measure.js";
import { type TableItems, tableItems } from "../tables/tableItems.js";
import type { Calibrating } from "./calibrating.js";
import type { Measured, Measurement, Measuring, Part } from "./measuring.js";
import type { Progress } from "./progress.js";
import { type ProxyParts, type ProxyReading, proxyBatches } from "./proxyBatches.js";
import type { Milestone } from "./runGraph.js";
import { pointsOf, seriesMeasurement } from "./seriesMeasurement.js";
import { moduleName } from "./served.js";
import type { Batch } from "./step.js";
import type { Subject } from "./subjects.js";

/** A model's evaluations, one for each seed. */
export type ByPart = Readonly<Record<Part, readonly SeedResults[]>>;

export interface Tables {
  readonly aligned: ByPart;
  readonly tuned: ByPart;
  readonly unaligned?: ByPart | undefined;
  readonly points: readonly EvaluatedPoint[];
  /** Of an adaptive experiment: the shares of the safety items at which it looked. */
  readonly looks?: readonly number[] | undefined;
  /** Every model of a table is measured on the items of the aligned one, which was asked all. */
  readonly items: Readonly<Record<Part, TableItems>>;
}

export interface MeasureStageParts {
  readonly settings: ExperimentSettings;
  readonly tuned: readonly TunedModel[];
  readonly models: ModelDigests;
  readonly measuring: Measuring;
  readonly calibrating: Calibrating;
  readonly progress: Progress;
}

export interface MeasureStage {
  readonly batches: readonly Batch[];
  readonly milestones: readonly Milestone[];
  /** Of all merges, where the experiment asks for proxies. */
  readonly proxies: ProxyReading | undefined;
  /** Once the batches are done. */
  tables(): Tables;
}

const PARTS = ["validation", "test"] as const;

export function measureStage(
  { settings, tuned, models, measuring, calibrating, progress }: MeasureStageParts,
  { checked, records }: Pick<ProxyParts, "checked" | "records">,
): MeasureStage {
  const inBlocks = choosingWeights(settings);
  const whole = (role: "aligned" | "unaligned") =>
    byPart((part) =>
      measuring.measure(
        `${role}, ${part}`,
        { ...wholeSubject(role, settings, models), ...(part === "validation" && inBlocks) },
        measuring.tasksOf(part),
        `${role}, validation and test`,
      ),
    );
  const aligned = whole("aligned");
  const unaligned = settings.unaligned === undefined ? undefined : whole("unaligned");
  const fineTuned = tuned.map((one) => ({
    seed: one.seed,
    ...byPart((part) =>
      measuring.measure(
        `fine-tuned seed ${one.seed}, ${part}`,
        { ...tunedSubject(one, settings, models), ...(part === "validation" && inBlocks) },
        measuring.tasksOf(part, one.seed),
        `${tuned.length} fine-tuned, validation and test`,
      ),
    ),
  }));
  // where merges may be left out, they are asked when it is known which
  const all = mergeSeries(settings, tuned);
  const proxies = proxyBatches(
    all,
    {
      aligned: {
        subject: { ...wholeSubject("aligned", settings, models), ...inBlocks },
        needs: aligned.validation.needs,
      },
      tuned: tuned.map((one, at) => ({
        seed: one.seed,
        subject: { ...tunedSubject(one, settings, models), ...inBlocks },
        needs: fineTuned[at]?.validation.needs ?? [],
      })),
    },
    { settings, checked, models, measuring, records },
  );
  const series = (leavesOut(settings) ? [] : all).map((one) => ({
    one,
    merges: one.merges.map((merge) => ({
      merge,
      measurement: seriesMeasurement(one, merge, { settings, models, measuring }),
    })),
  }));

  let calibration: Promise<Calibration | undefined> | undefined;
  const read = async (measurement: Measurement): Promise<Measured> => {
    calibration ??= calibrating.read();
    return measurement.read(await calibration);
  };
  const readWhole = async (of: Record<Part, Measurement>): Promise<ByPart> => {
    const seeds = async (part: Part) =>
      (await read(of[part])).results.map((results) => ({ seed: ALL, tuning: ALL, results }));
    return { validation: await seeds("validation"), test: await seeds("test") };
  };
  const found: { aligned?: ByPart; unaligned?: ByPart; tuned?: ByPart; items?: Tables["items"] } = {};
  const points: EvaluatedPoint[][] = series.map(() => []);
  const needsOf = (all: readonly Measurement[]) => all.flatMap(({ needs }) => needs);
  const ends = PARTS.flatMap((part) => [aligned[part], ...(unaligned ? [unaligned[part]] : [])]);
  const first = [...calibrating.batches.map(({ key }) => key), ...needsOf(ends)];
  const milestones: Milestone[] = [
    {
      needs: first,
      async reached() {
        found.aligned = await readWhole(aligned);
        if (unaligned) found.unaligned = await readWhole(unaligned);
        const { validation, test } = found.aligned;
        found.items = {
          validation: tableItems(validation[0]?.results, measuring.skillSets("validation")),
          test: tableItems(test[0]?.results, measuring.skillSets("test")),
        };
        progress.measured("aligned", measure(validation, found.items.validation));
      },
    },
    {
      needs: [...first, ...needsOf(fineTuned.flatMap(({ validation, test }) => [validation, test]))],
      async reached() {
        const all: Record<Part, SeedResults[]> = { validation: [], test: [] };
        for (const { seed, ...of } of fineTuned) {
          for (const part of PARTS) {
            all[part].push(...(await read(of[part])).results.map((results) => ({ seed, tuning: seed, results })));
          }
        }
        found.tuned = all;
        progress.measured("tuned", measure(all.validation, found.items?.validation));
      },
    },
    ...series.map(({ one, merges }, at) => ({
      needs: [...first, ...needsOf(merges.map(({ measurement }) => measurement))],
      async reached() {
        const measured = [];
        for (const { merge, measurement } of merges) measured.push({ merge, ...(await read(measurement)) });
        points[at] = pointsOf(one, measured, found.items?.validation);
        progress.candidates(points[at].map((point) => point.measured));
      },
    })),
  ];
  return {
    batches: [
      ...PARTS.flatMap((part) => aligned[part].batches),
      ...calibrating.batches,
      ...PARTS.flatMap((part) => unaligned?.[part].batches ?? []),
      ...PARTS.flatMap((part) => fineTuned.flatMap((one) => one[part].batches)),
      ...(proxies?.batches ?? []),
      ...series.flatMap(({ merges }) => merges.flatMap(({ measurement }) => measurement.batches)),
    ],
    milestones,
    proxies,
    tables: () => ({ ...(found as Required<typeof found>), points: points.flat() }),
  };
}

function byPart<T>(of: (part: Part) => T): Record<Part, T> {
  return { validation: of("validation"), test: of("test") };
}

/** The aligned or unaligned model, as it is asked. */
export function wholeSubject(
  role: "aligned" | "unaligned",
  settings: ExperimentSettings,
  models: ModelDigests,
): Subject {
  const folder = settings[role] as string;
  const endpoint = settings.engine?.endpoint;
  const digest = models.of(folder);
  return endpoint ? { kind: "served", served: endpoint.model ?? folder, digest } : { kind: "folder", folder, digest };
}

/** A tuned model, as it is asked. */
export function tunedSubject({ seed, model }: TunedModel, settings: ExperimentSettings, models: ModelDigests): Subject {
  if (settings.engine?.endpoint) return { kind: "served", served: moduleName(seed), digest: models.of(model) };
  if (modelParts(model).length > 1) return { kind: "merge", recipe: wholeModel(model), maskSeed: 0 };
  return { kind: "folder", folder: model, digest: models.of(model) };
}
