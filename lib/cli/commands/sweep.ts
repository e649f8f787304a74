// `retemper sweep RECIPE OUT`: one recipe with many values of its numbers, one folder a point, one pass over the inputs.

import { resolve } from "node:path";
import type { Command } from "commander";
import { planSweep, RetemperError, type SweepPlan, type SweepReport, sweep } from "../../entries/merge.js";
import { freeBytes } from "../../files/freeBytes.js";
import { downloading } from "../downloading.js";
import { addIdleOptions, noteIdleOptions } from "../mergekitOptions.js";
import { formatBytes, formatCount, formatDuration, formatRate } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";
import { type LambdaFlags, lambdaOptions, lambdasOf, parseVariation } from "../values.js";
import { addMergeOptions, type MergeFlags, mergeOptions } from "./merge.js";
import { addPlanningOptions, planningOptions } from "./plan.js";

interface SweepFlags extends MergeFlags, LambdaFlags {
  readonly vary?: Readonly<Record<string, readonly number[]>>;
  readonly outAdapter?: boolean;
}

const HELP = `
Values are a number, a list (.2,.4), or a range with its step (0.1:0.9:0.1).

--lambda is the weight of the one fine-tuned model against the aligned one (base_model, else the first model):
  linear      the two models' weights are 1 - lambda and lambda; the recipe may leave them out
  slerp       t
  task_arithmetic, ties, dare_*, breadcrumbs*, della*   the fine-tuned model's weight
--vary sets the recipe's parameter of that name for all models, layers and tensors; --vary lambda=... is mergekit's
global factor. Several of them make every combination.

Each point is a folder in OUT named by its values: lambda-0.1, lambda-0.1_density-0.5, global-lambda-0.5. It is complete,
holds the recipe of that point as mergekit_config.yml, and has the same bytes as a merge of that recipe. Points that are
there already need --force. A sweep that is killed leaves complete points and nothing else.

Examples:
  retemper sweep recipe.yml out --lambda 0.1:0.9:0.1
  retemper sweep recipe.yml --lambda 0.1:0.9:0.1 --dry-run
  retemper sweep recipe.yml out --lambda .2,.4 --vary density=.3,.5
  retemper sweep recipe.yml out --vary t=0:1:0.25
  retemper sweep recipe.yml out --lambda 0.1:0.9:0.1 --out-adapter
  retemper sweep recipe.yml out --lambda .3,.5 --json | tail -1 | jq '.result.points[].out'`;

export function addSweepCommand(program: Command, session: Session): Command {
  const command = program
    .command("sweep")
    .summary("merge a recipe with many values of lambda or of its parameters, in one pass")
    .description("Merges a recipe once for each value of lambda or of its parameters, reading the inputs once for all.")
    .argument("<recipe>", "recipe file (YAML or JSON, as mergekit-yaml reads it)")
    .argument("[out]", "folder for the points, one folder each")
    .addHelpText("after", HELP)
    .optionsGroup("What is swept:");
  for (const option of lambdaOptions("values for the weight of the fine-tuned model")) command.addOption(option);
  command
    .option("--vary <name=values>", "values for a parameter of the recipe (may be repeated)", parseVariation)
    .option("--dry-run", "read headers and configuration only; show what would be done")
    .option("--out-adapter", "for A and A + adapter: write scaled adapters of a few MB instead of checkpoints");
  addMergeOptions(command);
  addPlanningOptions(command);
  addCommonOptions(command);
  addIdleOptions(command);
  return command.action(async (recipe: string, out: string | undefined, flags: SweepFlags) => {
    noteIdleOptions(command, session.renderer);
    const { renderer, signal } = session;
    const lambdas = lambdasOf(flags);
    const grid = { ...(lambdas && { lambdas }), ...flags.vary };
    if (flags.dryRun) return showSweepPlan(recipe, grid, out, flags, session);
    if (out === undefined) {
      throw new RetemperError("USAGE", "missing required argument 'out'", {
        hint: "retemper sweep RECIPE OUT, or --dry-run to see what a sweep would do",
      });
    }
    session.goesOnWith({ words: "points that are complete stay; start again with", add: ["--force"] });
    const report = await sweep(recipe, grid, out, {
      ...mergeOptions(flags),
      hub: downloading(session),
      signal,
      outAdapter: flags.outAdapter,
      onProgress: (progress) => renderer.progress(progress),
    });
    for (const warning of report.warnings) renderer.warn(warning);
    if (report.passes > 1 && !flags.outAdapter) {
      renderer.note(`the inputs were read ${report.passes} times, to stay within memory and open files`);
    }
    renderer.result(report, describe(report));
  });
}

async function showSweepPlan(
  recipe: string,
  grid: Readonly<Record<string, readonly number[]>>,
  out: string | undefined,
  flags: SweepFlags,
  session: Session,
): Promise<void> {
  const { renderer, signal } = session;
  const planned = await planSweep(recipe, grid, {
    ...planningOptions(flags),
    hub: downloading(session),
    signal,
    outAdapter: flags.outAdapter,
  });
  for (const warning of planned.warnings) renderer.warn(warning);
  const diskFree = out === undefined ? undefined : await freeBytes(resolve(out));
  if (diskFree !== undefined && diskFree < planned.estimate.diskNeeded) {
    renderer.warn(`the disk of ${out} has ${formatBytes(diskFree)} free, less than the sweep needs`);
  }
  const shown = { ...planned, ...(diskFree !== undefined && { diskFree }) };
  renderer.result(shown, describePlan(planned, diskFree));
}

function describePlan({ method, points, passes, tensors, unmatched, estimate }: SweepPlan, diskFree?: number): string {
  const rows = points.map(({ name, files }) => {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return [name, formatCount(files.length), formatBytes(bytes)];
  });
  const facts: [string, string][] = [
    ["method", method],
    ["outputs", `${formatCount(points.length)} of ${formatCount(tensors)} tensors`],
    ["unmatched", formatCount(unmatched.length)],
    ["passes", formatCount(passes)],
    ["read", formatBytes(estimate.bytesRead)],
    ["write", formatBytes(estimate.bytesWritten)],
    ["memory", `${formatBytes(estimate.peakMemory)} at most, mapped files apart`],
    ["disk", `${formatBytes(estimate.diskNeeded)}${diskFree === undefined ? "" : ` of ${formatBytes(diskFree)} free`}`],
  ];
  return [table(["point", "files", "size"], rows, [1, 2]), "", table(["", ""], facts).trimStart()].join("\n");
}

function describe(report: SweepReport): string {
  const rows = report.points.map(({ name, files, tensors }) => {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return [name, formatCount(tensors.tensors), formatCount(tensors.copied), formatBytes(bytes)];
  });
  const lines = [
    table(["point", "tensors", "copied", "size"], rows, [1, 2, 3]),
    `${report.out}: ${formatCount(report.points.length)} outputs, ${formatBytes(report.bytesWritten)}, method ${report.method}`,
    `${formatDuration(report.seconds)} in all, ${formatRate(report.gigabytesPerSecond * 1e9)}, ${report.threads} threads (${report.target})`,
  ];
  return lines.join("\n");
}
