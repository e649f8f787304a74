// `sweep`: one recipe with many values of its parameters, in one pass over the inputs. Each point is an output of its
// own, the same bytes as if it were merged alone.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { NativeMergeReport } from "../addon/nativePlan.js";
import { RetemperError } from "../errors.js";
import { checkPlace } from "../output/checkPlace.js";
import { outputPath } from "../output/futurePath.js";
import { openCollection } from "../output/openCollection.js";
import { openStaging, type Staging } from "../output/openStaging.js";
import { outputState } from "../output/outputState.js";
import { requireSpace } from "../output/requireSpace.js";
import { factsByPoint, sweepPlan } from "../plan/sweepPlan.js";
import { isTakenOver } from "../plan/tensors.js";
import type { Recipe } from "../recipe/types.js";
import { type FinishContext, finishFolder, keptError } from "./finish.js";
import { refuseDifferentBuffers } from "./identical.js";
import { hashUnknown, inputFiles, knownDigests, refuseChanged } from "./inputs.js";
import { obtainInputs } from "./obtainInputs.js";
import type { SweepOptions } from "./options.js";
import { gridPoints, type Point } from "./points.js";
import type { Prepared } from "./prepare.js";
import { sweepGroups } from "./prepared/sweepGroups.js";
import { ProgressReporter } from "./progress.js";
import { MERGED, MORE_SPACE, mergeReads } from "./reads.js";
import { type SweepPoint, type SweepReport, summarize } from "./report.js";
import { outlines, planPoint, readSweep, splitEvenly, surveyPoints } from "./sweepSurvey.js";

/**
 * Merges a recipe once for each combination of the grid's values. The outputs are folders in `out`, named by their
 * values (`lambda-0.1`, `lambda-0.1_density-0.5`); each appears complete or not at all.
 *
 * @param recipe path of a YAML or JSON file, the text itself, or an object; parameters of the grid may be left out
 * @param grid `lambdas`: weight of the one fine-tuned model against the aligned one (linear of two models: 1 - lambda and
 * lambda; slerp: t; task_arithmetic, ties, dare_*, breadcrumbs, della: the fine-tuned model's weight). Any other key: the
 * recipe's parameter of that name, set for all models, layers and tensors (`lambda` is mergekit's global factor).
 * @param out folder of the points; may exist and hold other points
 * @throws RetemperError as `merge` does, before anything is written where it can be known; USAGE for a grid that does not
 * fit the recipe; OUTPUT_EXISTS for points that exist, unless `options.force`
 * @example
 * ```ts
 * import { sweep } from "retemper";
 *
 * const recipe = {
 *   merge_method: "linear",
 *   models: [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }],
 * };
 * const { points, passes } = await sweep(recipe, { lambdas: [0.2, 0.4] }, "merges");
 * console.log(points.map(({ name }) => name)); // [ 'lambda-0.2', 'lambda-0.4' ]
 * console.log(passes); // 1
 * ```
 */
export async function sweep(
  recipe: string | Recipe,
  grid: Readonly<Record<string, readonly number[]>>,
  out: string,
  options: SweepOptions = {},
): Promise<SweepReport> {
  const started = performance.now();
  const { signal, force = false } = options;
  signal?.throwIfAborted();
  const points = gridPoints(grid);
  const progress = new ProgressReporter(options.onProgress);
  const parsed = await readSweep(recipe, grid, options);
  const target = await outputPath(out);
  await refusePoints(target, points, force);

  const addon = loadAddon();
  const recipes = outlines(parsed, points, options);
  await obtainInputs(parsed, options, (models) => surveyPoints(recipes, { ...options, models }, addon));
  progress.start("open");
  const survey = await surveyPoints(recipes, options, addon);
  const { recorded, first } = survey;
  const inputs = inputFiles(recorded.models.checkpoints);
  const reads = mergeReads(recorded.models, inputs, parsed.file, options);
  for (const { name } of points) await checkPlace(join(target, name), reads, MERGED, force);
  await requireSpace({ file: target, needed: survey.diskNeeded, hint: MORE_SPACE });
  await refuseDifferentBuffers(first.built.tensors, addon, signal);
  const digests = await knownDigests(inputs);
  if (options.hashInputs) await hashUnknown(inputs, digests, addon, signal, progress);
  signal?.throwIfAborted();

  const context: FinishContext = { options, inputs, digests, addon, progress };
  const natives: NativeMergeReport[] = [];
  const done = new Map<string, SweepPoint>();
  const warnings = new Set(survey.warnings);
  const collection = await openCollection(target);
  try {
    for await (const group of sweepGroups(target, recipes, survey, context)) {
      for (const pass of splitEvenly(group.recipes, group.survey.pointsPerPass)) {
        const prepared: Prepared[] = [];
        for (const recipe of pass) {
          const planned = await planPoint(recipe, group.survey, group.options, addon);
          prepared.push(group.gates ? { ...planned, gates: group.gates } : planned);
        }
        const { native, finished } = await runPass(
          target,
          pass.map(({ point }) => point),
          prepared,
          context,
        );
        natives.push(native);
        for (const point of finished) done.set(point.name, point);
      }
      for (const warning of group.survey.warnings) warnings.add(warning);
    }
  } finally {
    await collection.close();
  }
  const made = points.flatMap(({ name }) => done.get(name) ?? []);
  return {
    out: target,
    method: parsed.method,
    points: made,
    passes: natives.length,
    unmatched: first.built.unmatched,
    warnings: [...warnings, ...nonFiniteWarnings(made)],
    version: addon.describe().version,
    ...totals(natives),
    seconds: (performance.now() - started) / 1000,
  };
}

/** One error for all points that exist, before anything is opened. */
async function refusePoints(target: string, points: readonly Point[], force: boolean): Promise<void> {
  const facts = await stat(target).catch(() => undefined);
  if (facts && !facts.isDirectory()) {
    throw new RetemperError("OUTPUT_EXISTS", `${target} exists and is no folder`, {
      file: target,
      hint: "choose another folder for the points of the sweep",
    });
  }
  if (!facts || force) return;
  const existing: string[] = [];
  for (const { name } of points) {
    if ((await outputState(join(target, name))) === "exists") existing.push(name);
  }
  if (existing.length === 0) return;
  throw new RetemperError("OUTPUT_EXISTS", `${target} holds these points already: ${existing.join(", ")}`, {
    file: target,
    hint: "choose another folder or other values, or --force to replace each point once its new version is complete",
  });
}

/** Merges some points in one pass over the inputs and publishes them one after the other. */
async function runPass(
  target: string,
  points: readonly Point[],
  prepared: readonly Prepared[],
  context: FinishContext,
): Promise<{ readonly native: NativeMergeReport; readonly finished: SweepPoint[] }> {
  const { options, inputs } = context;
  const { signal, force = false } = options;
  const staged: Staging[] = [];
  let published = 0;
  try {
    for (const { name } of points) staged.push(await openStaging(join(target, name), { force }));
    const folders = staged.map(({ folder }) => folder);
    const { native, facts } = await mergeTensors(prepared, folders, context);
    const shards = native.sha256.length / points.length;
    const finished: SweepPoint[] = [];
    for (const [at, { name, settings }] of points.entries()) {
      const of = prepared[at] as Prepared;
      const written = { sha256: native.sha256.slice(at * shards, (at + 1) * shards), facts: facts[at] ?? [] };
      const files = await finishFolder(folders[at] as string, name, of, written, context);
      const copied = of.built.tensors.filter(isTakenOver).length;
      const tensors = summarize(written.facts, copied);
      const { gates } = of;
      finished.push({
        name,
        parameters: settings,
        out: join(target, name),
        files,
        tensors,
        ...(gates && { gates }),
      });
    }
    await refuseChanged(inputs);
    signal?.throwIfAborted();
    for (; published < staged.length; published++) await staged[published]?.publish();
    return { native, finished };
  } catch (error) {
    throw options.keepPartial
      ? keptError(
          error,
          staged.slice(published).map(({ folder }) => folder),
        )
      : error;
  } finally {
    for (const [at, one] of staged.entries()) await one.close(at >= published && options.keepPartial === true);
  }
}

async function mergeTensors(
  prepared: readonly Prepared[],
  folders: readonly string[],
  { options, addon, progress }: FinishContext,
) {
  const { signal, seed = 0, threads = 0, maxMemory = 0, device = "auto", multiGpu = false } = options;
  const { reading = "auto", writing = "auto" } = options;
  const builds = prepared.map(({ built }) => built);
  const plan = sweepPlan(builds, folders, {
    seed,
    threads,
    maxMemory,
    reading,
    writing,
    fsync: true,
    device,
    multiGpu,
  });
  progress.start(
    "merge",
    plan.outputs.reduce((sum, { size }) => sum + size, 0),
  );
  const native = await runJob((onProgress) => addon.merge(plan, onProgress), { signal, onProgress: progress.update });
  return { native, facts: factsByPoint(plan, prepared.length, native.facts) };
}

function totals(natives: readonly NativeMergeReport[]) {
  const sum = (of: (native: NativeMergeReport) => number) => natives.reduce((total, native) => total + of(native), 0);
  const bytesRead = sum((native) => native.bytesRead);
  const bytesWritten = sum((native) => native.bytesWritten);
  const seconds = sum((native) => native.seconds);
  return {
    bytesRead,
    bytesWritten,
    gigabytesPerSecond: seconds > 0 ? (bytesRead + bytesWritten) / seconds / 1e9 : 0,
    target: natives[0]?.target ?? "",
    threads: natives[0]?.threads ?? 0,
    ...(natives[0]?.device && { device: natives[0].device }),
  };
}

function nonFiniteWarnings(points: readonly SweepPoint[]): string[] {
  return points.flatMap(({ name, tensors }) => {
    const values = tensors.nonFinite.reduce((sum, tensor) => sum + tensor.values, 0);
    if (values === 0) return [];
    return [`${name} has ${values} NaN or infinite values in ${tensors.nonFinite.length} tensors`];
  });
}
