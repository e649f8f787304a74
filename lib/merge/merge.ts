// `merge`: the only place that sequences the steps of a merge, from the recipe to the finished folder.

import { realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { Addon } from "../addon/surface.js";
import { hubCache } from "../checkpoint/locate.js";
import { RetemperError } from "../errors.js";
import { nativePlan } from "../plan/build.js";
import type { NativeMergeReport } from "../plan/types.js";
import type { Recipe } from "../recipe/types.js";
import { refuseDifferentBuffers } from "./identical.js";
import { hashUnknown, inputFiles, knownDigests, refuseChanged } from "./inputs.js";
import type { MergeOptions } from "./options.js";
import { checkOutput, outputState } from "./place.js";
import { type Prepared, prepare, readRecipe } from "./prepare.js";
import { ProgressReporter } from "./progress.js";
import { RECORD_FILE, recordText } from "./record.js";
import { type MergeReport, type OutputFile, summarize } from "./report.js";
import { sideFiles, writeSideFiles } from "./sideFiles.js";
import { refuseWithoutSpace } from "./space.js";
import { openStaging, type Staging } from "./staging.js";
import { compareFiles } from "./verify.js";

/**
 * Merges models as a recipe says. The output folder appears complete and durable, or not at all; an existing one stays
 * as it is until then.
 *
 * @param recipe path of a YAML or JSON file, the text itself, or an object
 * @param out output folder; must be absent or empty, unless `options.force`
 * @throws RetemperError with a code for every failure; `options.signal.reason` when aborted
 */
export async function merge(recipe: string | Recipe, out: string, options: MergeOptions = {}): Promise<MergeReport> {
  const started = performance.now();
  const { signal, force = false } = options;
  const progress = new ProgressReporter(options.onProgress);
  const parsed = await readRecipe(recipe, options);
  progress.start("open");
  const target = await outputPath(out);
  await refuseExisting(target, force);

  const addon = loadAddon();
  const prepared = await prepare(parsed, options, addon);
  const inputs = inputFiles(prepared.models.checkpoints);
  const folders = [...prepared.models.checkpoints.values()].flatMap(({ folder, adapter }) => {
    return adapter ? [folder, adapter.folder] : [folder];
  });
  const forbidden = [hubCache({ cache: options.transformersCache })];
  await checkOutput(target, { folders, files: inputs, recipeFile: parsed.file, forbidden }, force);
  await refuseWithoutSpace(target, prepared.estimate.diskNeeded);
  await refuseDifferentBuffers(prepared.built.tensors, addon, signal);

  const digests = await knownDigests(inputs);
  if (options.hashInputs) await hashUnknown(inputs, digests, addon, signal, progress);
  signal?.throwIfAborted();

  const staging = await openStaging(target, force, addon);
  let finished = false;
  try {
    const native = await mergeTensors(prepared, staging.folder, options, addon, progress);
    if (options.failOnNonfinite) refuseNonFinite(native);
    progress.start("finish");
    const { version } = addon.describe();
    const side = await sideFiles(prepared, basename(target), options, version);
    const files = [...tensorFiles(prepared, native), ...(await writeSideFiles(staging.folder, side, signal))];
    const record = recordText({
      version,
      method: parsed.method,
      seed: options.seed ?? 0,
      recipe: parsed.text,
      files,
      inputs,
      digests,
      facts: native.facts,
    });
    await writeSideFiles(staging.folder, new Map([[RECORD_FILE, record]]), signal);
    if (options.verify) await refuseCorrupt(staging.folder, files, addon, signal, progress);
    await refuseChanged(inputs);
    signal?.throwIfAborted();
    await staging.publish();
    finished = true;
    return report(target, prepared, native, files, (performance.now() - started) / 1000, version);
  } catch (error) {
    throw options.keepPartial && !finished ? keptError(error, staging) : error;
  } finally {
    await staging.close(!finished && options.keepPartial === true);
  }
}

/** The absolute path; a link to a folder is followed, so that the folder and not the link is replaced. */
async function outputPath(out: string): Promise<string> {
  if (out === "" || out.includes("\0")) {
    throw new RetemperError("USAGE", `${JSON.stringify(out)} is no path of an output folder`);
  }
  return realpath(out).catch(() => resolve(out));
}

async function refuseExisting(out: string, force: boolean): Promise<void> {
  const nothing = { folders: [], files: [], forbidden: [] };
  if (!force && (await outputState(out)) === "exists") await checkOutput(out, nothing, false);
}

function mergeTensors(
  { built }: Prepared,
  folder: string,
  { signal, seed = 0, threads = 0, maxMemory = 0, reading = "auto" }: MergeOptions,
  addon: Addon,
  progress: ProgressReporter,
): Promise<NativeMergeReport> {
  progress.start(
    "merge",
    built.layout.shards.reduce((sum, { size }) => sum + size, 0),
  );
  const plan = nativePlan(built, folder, { seed, threads, maxMemory, reading, fsync: true });
  return runJob((onProgress) => addon.merge(plan, onProgress), { signal, onProgress: progress.update });
}

function tensorFiles({ built }: Prepared, { sha256 }: NativeMergeReport): OutputFile[] {
  return built.layout.shards.map(({ fileName, size }, at) => ({
    path: fileName,
    bytes: size,
    sha256: sha256[at] ?? "",
  }));
}

function refuseNonFinite({ facts }: NativeMergeReport): void {
  const bad = facts.filter(({ nonFinite }) => nonFinite > 0);
  const [first] = bad;
  if (!first) return;
  const list = bad.map(({ name, nonFinite }) => `  ${name}: ${nonFinite} values`).join("\n");
  throw new RetemperError("BAD_INPUT", `the result has NaN or infinite values in ${bad.length} tensors:\n${list}`, {
    tensor: first.name,
    hint: "check the inputs, choose smaller weights or a wider out_dtype, or leave --fail-on-nonfinite out",
  });
}

async function refuseCorrupt(
  folder: string,
  files: readonly OutputFile[],
  addon: Addon,
  signal: AbortSignal | undefined,
  progress: ProgressReporter,
): Promise<void> {
  const wrong = (await compareFiles(folder, files, addon, signal, progress)).filter(({ ok }) => !ok);
  if (wrong.length === 0) return;
  const list = wrong.map(({ path, problem }) => `${path} ${problem}`).join("; ");
  throw new RetemperError("IO", `the output does not read back as it was written: ${list}`, {
    file: folder,
    hint: "suspect the disk or its driver; choose another disk",
  });
}

/** Names the unfinished output that was kept; the reason of an abort stays what the caller gave. */
function keptError(error: unknown, { folder }: Staging): unknown {
  if (!(error instanceof RetemperError)) return error;
  const { code, message, file, tensor, line, column, hint } = error;
  const kept = `the unfinished output is kept in ${folder}`;
  return new RetemperError(code, message, {
    file,
    tensor,
    line,
    column,
    hint: hint === undefined ? kept : `${hint}; ${kept}`,
    cause: error,
  });
}

function report(
  out: string,
  { recipe, built, estimate, warnings }: Prepared,
  native: NativeMergeReport,
  files: readonly OutputFile[],
  seconds: number,
  version: string,
): MergeReport {
  const copied = built.tensors.filter(({ params }) => params.op === "copy").length;
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
    estimate,
  };
}
