// `retemper batch MANIFEST`: many recipes, or a recipe of several documents; resumes where an earlier run was stopped.

import type { Command } from "commander";
import {
  type BatchEntryResult,
  type BatchPlan,
  type BatchProgress,
  type BatchReport,
  batch,
  planBatch,
  RetemperError,
} from "../../entries/merge.js";
import { downloading } from "../downloading.js";
import { addIdleOptions, noteIdleOptions } from "../mergekitOptions.js";
import { parsePartition } from "../partition.js";
import { formatBytes, formatCount, formatDuration, parseInteger } from "../quantities.js";
import type { Renderer } from "../render.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";
import { addMergeOptions, type MergeFlags, mergeOptions } from "./merge.js";
import { addPlanningOptions } from "./plan.js";

interface BatchFlags extends MergeFlags {
  readonly out?: string;
  readonly jobs?: number;
  readonly failFast?: boolean;
  readonly partition?: string;
  readonly intermediateDir?: string;
}

const HELP = `
MANIFEST is one of
  a list in YAML or JSON, or JSON lines in a .jsonl file: {recipe, out, options?} each; recipe is a path (relative to the
    manifest), the recipe itself, or a list of recipes with names
  a folder of recipes: the outputs have their names
  a recipe: --out is its output. Its documents may have names, by which others use their results as models; the one
    without a name, else the last one, is the output.
Models are relative to the working directory, outputs to --out.

An output that is complete and what its recipe would write now is skipped: a batch that was killed is started again with
the same command. Sizes, times and inodes of the inputs decide, and the digests of their small files; with --verify also
the digests of the outputs, and of inputs that were copied elsewhere. Any other existing output is an error of its entry,
unless --force. A failed entry does not stop the others; the exit code is that of the first one.

--partition i/n does one of n parts, counted from 0. Entries that share a stage, or use each other's outputs, stay
together. auto takes i and n from a Slurm array or a Kubernetes Indexed Job.

Examples:
  retemper batch manifest.yml --out merges
  retemper batch manifest.yml --out merges --dry-run
  retemper batch recipes/ --out merges --jobs 4 --max-memory 8G
  retemper batch stages.yml --out merged --intermediate-dir stages
  retemper batch manifest.jsonl --partition 0/8
  retemper batch manifest.yml --json | jq -c 'select(.event == "entry") | [.out, .status]'`;

export function addBatchCommand(program: Command, session: Session): Command {
  const command = program
    .command("batch")
    .summary("merge many recipes, or one of several documents; resumes where it was stopped")
    .description(
      "Merges many recipes, skipping outputs that are complete; runs recipes of several documents as a graph.",
    )
    .argument("<manifest>", "a manifest, a folder of recipes, or a recipe")
    .addHelpText("after", HELP)
    .optionsGroup("The batch:")
    .option("--out <folder>", "outputs are relative to it (default: the working directory); of one recipe, its output")
    .option("--dry-run", "read headers and records only; show what would be made and what is complete")
    .option("--jobs <n>", "merges at the same time, sharing threads and memory (default 1)", parseInteger(1))
    .option("--fail-fast", "start nothing more after a failure; nothing at all if a recipe cannot be read")
    .option("--partition <i/n>", "do one part only: i/n, auto, or auto/n")
    .option("-I, --intermediate-dir <folder>", "write the results of stages here and keep them");
  addMergeOptions(command);
  addPlanningOptions(command);
  addCommonOptions(command);
  addIdleOptions(command);
  return command.action(async (manifest: string, flags: BatchFlags) => {
    noteIdleOptions(command, session.renderer);
    const { renderer, signal, env } = session;
    session.endWithReader();
    const options = {
      ...mergeOptions(flags),
      hub: downloading(session),
      signal,
      out: flags.out,
      jobs: flags.jobs,
      failFast: flags.failFast,
      intermediateDir: flags.intermediateDir,
      partition: flags.partition === undefined ? undefined : parsePartition(flags.partition, env),
    };
    if (flags.dryRun) return showPlan(await planBatch(manifest, options), renderer);
    session.goesOnWith({});
    const report = await batch(manifest, {
      ...options,
      onProgress: progressOf(renderer),
      onEntry: (entry) => tell(entry, renderer),
    });
    show(report, renderer);
  });
}

function showPlan(planned: BatchPlan, renderer: Renderer): void {
  for (const { out, warnings } of planned.entries) for (const warning of warnings) renderer.warn(`${out}: ${warning}`);
  const shown = {
    ...planned,
    entries: planned.entries.map((entry) => ({ ...entry, error: entry.error && facts(entry.error) })),
    firstError: planned.firstError && facts(planned.firstError),
  };
  const { firstError, counts } = planned;
  if (!firstError) {
    renderer.result(shown, describePlan(planned));
    return;
  }
  renderer.answerBeforeError(shown, describePlan(planned));
  throw overall(
    firstError,
    `${formatCount(counts.failed)} of ${plural(planned.entries.length)} cannot be made`,
    counts,
  );
}

function describePlan({ entries, counts, unknown, bytesRead, bytesWritten, diskNeeded }: BatchPlan): string {
  const rows = entries.map(({ out, status, estimate, stages, error }) => [
    out,
    status === "toMake" ? "to make" : status,
    estimate ? formatBytes(estimate.bytesWritten) : "",
    formatCount(stages.filter((stage) => stage.status === "toMake").length),
    error ? `${error.code}: ${error.message.split("\n", 1)[0]}` : "",
  ]);
  const more = unknown > 0 ? ` and what ${formatCount(unknown)} that read others' outputs need` : "";
  return [
    table(["output", "state", "to write", "stages", "problem"], rows, [2, 3]),
    `${plural(entries.length)}: ${formatCount(counts.toMake)} to make, ${formatCount(counts.complete)} complete, ${formatCount(counts.failed)} failed`,
    `reads ${formatBytes(bytesRead)}, writes ${formatBytes(bytesWritten)}, needs ${formatBytes(diskNeeded)} of disk${more}`,
  ].join("\n");
}

/** The first failure, with how many there are. */
function overall(firstError: RetemperError, count: string, counts: { readonly failed: number }): RetemperError {
  const { code, message, file, tensor, line, column, hint } = firstError;
  const what = `${count}${counts.failed > 1 ? "; the first: " : ": "}${message}`;
  return new RetemperError(code, what, { file, tensor, line, column, hint, cause: firstError });
}

function show(report: BatchReport, renderer: Renderer): void {
  const shown = {
    ...report,
    entries: report.entries.map(plain),
    firstError: report.firstError && facts(report.firstError),
  };
  const { firstError, counts } = report;
  if (!firstError) {
    renderer.result(shown, describe(report));
    return;
  }
  renderer.answerBeforeError(shown, describe(report));
  throw overall(firstError, `${formatCount(counts.failed)} of ${plural(report.entries.length)} failed`, counts);
}

/** One bar for all merges that run: the bytes that they write. */
function progressOf(renderer: Renderer): (progress: BatchProgress) => void {
  const running = new Map<string, BatchProgress>();
  return (progress) => {
    if (renderer.json) return renderer.progress(progress);
    if (progress.phase === "finish") running.delete(progress.out);
    else if (progress.phase === "merge") running.set(progress.out, progress);
    const sum = (of: (one: BatchProgress) => number) =>
      [...running.values()].reduce((total, one) => total + of(one), 0);
    const bytesPerSecond = sum((one) => one.bytesPerSecond);
    const [done, total] = [sum((one) => one.done), sum((one) => one.total)];
    const secondsLeft = bytesPerSecond > 0 ? (total - done) / bytesPerSecond : undefined;
    renderer.progress({ phase: `${progress.finished}/${progress.entries}`, done, total, bytesPerSecond, secondsLeft });
  };
}

function tell(entry: BatchEntryResult, renderer: Renderer): void {
  for (const warning of entry.warnings) renderer.warn(`${entry.out}: ${warning}`);
  if (renderer.json) renderer.event({ event: "entry", ...plain(entry) });
  else if (entry.status === "failed") renderer.warn(`${entry.out} failed: ${entry.error?.message}`);
  else renderer.note(`${entry.out}: ${entry.status}`);
}

/** The entry as JSON has it. */
function plain(entry: BatchEntryResult) {
  return { ...entry, error: entry.error && facts(entry.error) };
}

function facts({ code, reason, exitStatus, message, file, tensor, hint, line, column }: RetemperError) {
  return { code, reason, exitStatus, message, file, tensor, hint, line, column };
}

function describe({ entries, counts, seconds, bytesWritten }: BatchReport): string {
  const rows = entries.map((entry) => [
    entry.out,
    entry.status === "notRun" ? "not run" : entry.status,
    entry.bytesWritten > 0 ? formatBytes(entry.bytesWritten) : "",
    entry.seconds > 0 ? formatDuration(entry.seconds) : "",
    entry.error ? `${entry.error.code}: ${entry.error.message.split("\n", 1)[0]}` : "",
  ]);
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  const total = parts.map(([status, count]) => `${formatCount(count)} ${status === "notRun" ? "not run" : status}`);
  return [
    table(["output", "state", "written", "time", "problem"], rows, [2, 3]),
    `${plural(entries.length)}: ${total.join(", ") || "nothing to do"}; ${formatBytes(bytesWritten)} in ${formatDuration(seconds)}`,
  ].join("\n");
}

function plural(entries: number): string {
  return entries === 1 ? "1 entry" : `${formatCount(entries)} entries`;
}
