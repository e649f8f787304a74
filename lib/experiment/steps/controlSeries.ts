// The models of a control, as merges and as the steps that make them.

import { join } from "node:path";
import { checkpointFolder, checkpointSteps } from "../../tune/output/checkpoints.js";
import { type MergeSeries, type SeedMerge, type TunedModel, wholeModel } from "../candidates/merges.js";
import { type DeltaControl, writeDeltaControl } from "../controls/deltaControl.js";
import { rankOf, writeTruncatedAdapter } from "../controls/truncatedAdapter.js";
import type { Digests } from "../digests/contents.js";
import { asDigest, digestOf } from "../digests/digestOf.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { halvesOf, TUNE_OPTIONS, type WantedControl } from "../settings/controlEntry.js";
import { type ControlKind, controlFacts } from "../settings/controlKinds.js";
import { modelParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Progress } from "./progress.js";
import { type Batch, defineStep, single } from "./step.js";
import type { StepRecords } from "./stepRecords.js";
import { tuneStage } from "./tuneStage.js";

/** One curve's points: all values of one series, or one value of each of several. */
export interface ControlSeries {
  readonly series: readonly MergeSeries[];
  /** Make the models that are kept: adapters. */
  readonly batches: readonly Batch[];
  /** What these make, whose digests are to be learned. */
  readonly kept: readonly string[];
  /** Make whole models, each in its folder, which are needed only while they are asked. */
  readonly passing: ReadonlyMap<SeedMerge, { readonly folder: string; readonly batch: Batch }>;
}

export interface ControlSeriesParts {
  readonly settings: ExperimentSettings;
  readonly tuned: readonly TunedModel[];
  readonly models: ModelDigests;
  readonly contents: Digests;
  readonly records: StepRecords;
  readonly progress: Progress;
  /** Tokens that the tuning of a seed learns from. */
  readonly tokens: (seed: string) => number | undefined;
}

export async function controlSeries(wanted: WantedControl, parts: ControlSeriesParts): Promise<ControlSeries> {
  const { kind } = wanted;
  switch (kind) {
    case "random":
    case "shuffled_entries":
    case "shuffled_layers":
      return deltaSeries(kind, wanted.lambdas ?? [], parts);
    case "lower_rank":
      return rankSeries(wanted.values, parts);
    case "early_stopping":
      return checkpointSeries(parts);
    default:
      return tuningSeries(kind, wanted.values ?? [], parts);
  }
}

function deltaSeries(
  kind: DeltaControl,
  lambdas: readonly number[],
  { settings: { aligned, engine }, tuned, models, contents, records }: ControlSeriesParts,
): ControlSeries {
  const passing = new Map<SeedMerge, { readonly folder: string; readonly batch: Batch }>();
  const merges = tuned.map(({ seed, model }): SeedMerge => {
    const inputs = {
      aligned: models.of(aligned),
      tuned: models.of(model),
      control: digestOf("settings", [kind, seed]),
    };
    const step = defineStep("control", `${kind} seed ${seed}`, inputs);
    const folder = join(records.folderOf(step), "model");
    // it is the same model whenever it is made, so its answers are kept by what it is made from
    models.declare(folder, asDigest("model", step.key));
    const batch = single(
      step,
      async ({ signal, folderOf }) => {
        await folderOf(step);
        const options = { seed, threads: engine?.threads, signal };
        return { newTokens: 0, ...(await writeDeltaControl(kind, { aligned, tuned: model }, folder, options)) };
      },
      { intact: ({ files = [] }) => contents.areIn(folder, files) },
    );
    const recipe = { merge_method: "linear", models: [{ model: aligned }, { model: folder }] } as SeedMerge["recipe"];
    const merge = { seed, tuning: seed, recipe, maskSeed: 0 };
    passing.set(merge, { folder, batch });
    return merge;
  });
  return { series: [{ method: kind, values: lambdas, merges }], batches: [], kept: [], passing };
}

async function rankSeries(
  values: readonly number[] | undefined,
  { tuned, models, records }: ControlSeriesParts,
): Promise<ControlSeries> {
  const highest = Math.min(...(await Promise.all(tuned.map(({ model }) => rankOf(model)))));
  const ranks = (values ?? halvesOf(highest)).filter((rank) => rank < highest);
  const batches: Batch[] = [];
  const adapters = ranks.map((rank) =>
    tuned.map(({ seed, model }) => {
      const inputs = { tuned: models.of(model), control: digestOf("settings", ["lower_rank", rank]) };
      const step = defineStep("control", `lower_rank ${rank} seed ${seed}`, inputs);
      const folder = join(records.folderOf(step), "adapter");
      batches.push(
        single(step, async ({ folderOf }) => {
          await folderOf(step);
          await writeTruncatedAdapter(model, rank, folder);
          return { newTokens: 0, bytesWritten: 0 };
        }),
      );
      return { seed, model: withAdapter(model, folder) };
    }),
  );
  return ofAdapters("lower_rank", ranks, adapters, batches);
}

/** Those of all tunings before their ends. */
async function checkpointSeries({ tuned }: ControlSeriesParts): Promise<ControlSeries> {
  const folders = tuned.map(({ model }) => modelParts(model)[1]?.path ?? "");
  const steps = await Promise.all(folders.map(async (folder) => (await checkpointSteps(folder)).slice(0, -1)));
  const common = (steps[0] ?? []).filter((step) => steps.every((own) => own.includes(step)));
  const adapters = common.map((step) =>
    tuned.map(({ seed, model }, at) => ({
      seed,
      model: withAdapter(model, checkpointFolder(folders[at] as string, step)),
    })),
  );
  return ofAdapters("early_stopping", common, adapters, []);
}

async function tuningSeries(
  kind: keyof typeof TUNE_OPTIONS,
  values: readonly number[],
  { settings, contents, records, progress, tokens }: ControlSeriesParts,
): Promise<ControlSeries> {
  const { tune } = settings;
  const adapters: TunedModel[][] = [];
  const batches: Batch[] = [];
  for (const value of tune ? values : []) {
    const options = { ...tune?.options, [TUNE_OPTIONS[kind]]: value };
    const changed = { ...settings, tune: { ...(tune as NonNullable<typeof tune>), options } };
    const stage = await tuneStage(changed, contents, records, progress, tokens, `, ${kind} ${value}`);
    batches.push(...stage.batches);
    adapters.push([...stage.tuned]);
  }
  return ofAdapters(kind, values, adapters, batches);
}

/** One series for each value, of models without a lambda. @param adapters by value, then by seed */
function ofAdapters(
  kind: ControlKind,
  values: readonly number[],
  adapters: readonly (readonly TunedModel[])[],
  batches: readonly Batch[],
): ControlSeries {
  const { parameter = "value" } = controlFacts(kind);
  const series = values.map((value, at): MergeSeries => {
    const merges = (adapters[at] ?? []).map(({ seed, model }) => ({
      ...{ seed, tuning: seed, recipe: wholeModel(model), maskSeed: 0 },
    }));
    return { method: kind, parameters: { [parameter]: value }, merges };
  });
  return { series, batches, kept: adapters.flat().map(({ model }) => model), passing: new Map() };
}

function withAdapter(tuned: string, adapter: string): string {
  const [{ path, revision }] = modelParts(tuned);
  return `${path}${revision === undefined ? "" : `@${revision}`}+${adapter}`;
}
