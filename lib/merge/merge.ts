// `merge`: the only place that sequences the steps of a merge, from the recipe to the finished folder.

import { basename } from "node:path";
import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { NativeMergeReport } from "../addon/nativePlan.js";
import type { Addon } from "../addon/surface.js";
import { checkPlace } from "../output/checkPlace.js";
import { outputPath } from "../output/futurePath.js";
import { openStaging } from "../output/openStaging.js";
import { requireSpace } from "../output/requireSpace.js";
import { nativePlan } from "../plan/build.js";
import { isTakenOver } from "../plan/tensors.js";
import type { ParsedRecipe, Recipe } from "../recipe/types.js";
import { mergeNested } from "./adapter/mergeNested.js";
import { prepareAdapter } from "./adapter/prepareAdapter.js";
import { writeAdapter } from "./adapter/writeAdapter.js";
import { finishFolder, keptError } from "./finish.js";
import { refuseDifferentBuffers } from "./identical.js";
import { hashUnknown, inputFiles, knownDigests, refuseChanged } from "./inputs.js";
import { obtainInputs } from "./obtainInputs.js";
import type { MergeOptions } from "./options.js";
import { type Prepared, prepare, readRecipe } from "./prepare.js";
import { prepareInTwo } from "./prepared/prepareInTwo.js";
import { ProgressReporter } from "./progress.js";
import { MERGED, MORE_SPACE, mergeReads } from "./reads.js";
import { type MergeReport, type OutputFile, summarize } from "./report.js";

/**
 * Merges models as a recipe says. The output folder appears complete and durable, or not at all; an existing one stays
 * as it is until then.
 *
 * @param recipe path of a YAML or JSON file, the text itself, or an object
 * @param out output folder; must be absent or empty, unless `options.force`
 * @throws RetemperError with a code for every failure; `options.signal.reason` when aborted
 * @example
 * ```ts
 * import { merge } from "retemper";
 *
 * const recipe = {
 *   merge_method: "linear",
 *   models: [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }],
 * };
 * const report = await merge(recipe, "merged", { lambda: 0.4 }); // 40 % of the fine-tuned model
 * console.log(report.method, report.tensors.nonFinite.length); // linear 0
 * console.log(report.files.some(({ path }) => path === "model.safetensors")); // true
 * ```
 */
export async function merge(recipe: string | Recipe, out: string, options: MergeOptions = {}): Promise<MergeReport> {
  if (options.format === "adapter") return mergeNested(recipe, out, options, mergeParsed);
  return mergeParsed(await readRecipe(recipe, options), out, options);
}

/** The same for a recipe that has been read; `options.lambda` is in it already. */
export async function mergeParsed(parsed: ParsedRecipe, out: string, options: MergeOptions): Promise<MergeReport> {
  const started = performance.now();
  const { signal, force = false } = options;
  const progress = new ProgressReporter(options.onProgress);
  const target = await outputPath(out);
  if (!force) await checkPlace(target, [], MERGED); // reported before anything is opened

  const addon = loadAddon();
  const isAdapter = options.format === "adapter";
  const prepareAs = isAdapter ? prepareAdapter : prepare;
  await obtainInputs(parsed, options, (models) => prepareInTwo(parsed, { ...options, models }, addon, prepareAs));
  progress.start("open");
  const { outline, whole, removed } = await prepareInTwo(parsed, options, addon, prepareAs);
  const inputs = inputFiles(outline.models.checkpoints);
  await checkPlace(target, mergeReads(outline.models, inputs, parsed.file, options), MERGED, force);
  await requireSpace({ file: target, needed: outline.estimate.diskNeeded, hint: MORE_SPACE });
  await refuseDifferentBuffers(outline.built.tensors, addon, signal);

  const digests = await knownDigests(inputs);
  if (options.hashInputs) await hashUnknown(inputs, digests, addon, signal, progress);
  signal?.throwIfAborted();

  const staging = await openStaging(target, { force });
  let finished = false;
  try {
    const prepared = await whole(staging.folder, progress);
    const written = isAdapter
      ? await writeAdapter(prepared, staging.folder, options, addon, progress)
      : { prepared, native: await mergeTensors(prepared, staging.folder, options, addon, progress) };
    await removed();
    const { native } = written;
    const adapter = "adapter" in written ? written.adapter : undefined;
    const context = { options, inputs, digests, addon, progress };
    const files = await finishFolder(
      staging.folder,
      basename(target),
      written.prepared,
      { ...native, adapter },
      context,
    );
    await refuseChanged(inputs);
    signal?.throwIfAborted();
    await staging.publish();
    finished = true;
    const { version } = addon.describe();
    const seconds = (performance.now() - started) / 1000;
    return { ...report(target, written.prepared, native, files, seconds, version), ...(adapter && { adapter }) };
  } catch (error) {
    throw options.keepPartial && !finished ? keptError(error, [staging.folder]) : error;
  } finally {
    await staging.close(!finished && options.keepPartial === true);
  }
}

function mergeTensors(
  { built }: Prepared,
  folder: string,
  options: MergeOptions,
  addon: Addon,
  progress: ProgressReporter,
): Promise<NativeMergeReport> {
  progress.start(
    "merge",
    built.layout.shards.reduce((sum, { size }) => sum + size, 0),
  );
  const { signal, seed = 0, threads = 0, maxMemory = 0, device = "auto", multiGpu = false } = options;
  const { reading = "auto", writing = "auto" } = options;
  const plan = nativePlan(built, folder, { seed, threads, maxMemory, reading, writing, fsync: true, device, multiGpu });
  return runJob((onProgress) => addon.merge(plan, onProgress), { signal, onProgress: progress.update });
}

function report(
  out: string,
  { recipe, built, estimate, warnings, gates }: Prepared,
  native: NativeMergeReport,
  files: readonly OutputFile[],
  seconds: number,
  version: string,
): MergeReport {
  const copied = built.tensors.filter(isTakenOver).length;
  const tensors = summarize(native.facts, copied);
  const nonFinite = tensors.nonFinite.reduce((sum, { values }) => sum + values, 0);
  const moved = native.bytesRead + native.bytesWritten;
  return {
    out,
    method: recipe.method,
    seconds,
    bytesRead: native.bytesRead,
    bytesWritten: native.bytesWritten,
    gigabytesPerSecond: native.seconds > 0 ? moved / native.seconds / 1e9 : 0,
    files,
    tensors,
    facts: native.facts,
    unmatched: built.unmatched,
    warnings:
      nonFinite === 0
        ? warnings
        : [...warnings, `the result has ${nonFinite} NaN or infinite values in ${tensors.nonFinite.length} tensors`],
    version,
    target: native.target,
    threads: native.threads,
    ...(native.device && { device: native.device }),
    ...(gates && { gates }),
    estimate,
  };
}
