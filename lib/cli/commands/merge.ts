// `retemper merge RECIPE OUT`: mergekit-yaml's options with the same meaning, and ours.

import { type Command, Option } from "commander";
import { type MergeOptions, type MergeReport, merge, RetemperError } from "../../entries/merge.js";
import { adapterText } from "../adapterText.js";
import { downloading } from "../downloading.js";
import { addIdleOptions, noteIdleOptions } from "../mergekitOptions.js";
import { formatBytes, formatCount, formatDuration, formatRate } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import type { LambdaFlags } from "../values.js";
import {
  addLambdaOption,
  addPlanningOptions,
  describeGates,
  oneLambda,
  type PlanningFlags,
  planningOptions,
  showPlan,
} from "./plan.js";

export interface MergeFlags extends PlanningFlags, LambdaFlags {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly verify?: boolean;
  readonly failOnNonfinite?: boolean;
  readonly keepPartial?: boolean;
  readonly hashInputs?: boolean;
  readonly reading?: MergeOptions["reading"];
  readonly writing?: MergeOptions["writing"];
  readonly device?: "cpu" | "cuda" | "auto";
  readonly cuda?: boolean;
  readonly multiGpu?: boolean;
  readonly copyTokenizer?: boolean;
  readonly writeModelCard?: boolean;
  readonly trustRemoteCode?: boolean;
}

const EXAMPLES = `
Sizes take K, M, G (or B) and T, powers of 1000, and KiB, MiB, GiB, TiB.
Every yes-or-no option of mergekit-yaml has its --no- form too.

Examples:
  retemper merge recipe.yml out
  retemper merge recipe.yml out --force --threads 8 --max-memory 2G
  retemper merge recipe.yml out --dry-run
  retemper merge recipe.yml out --lambda 0.4
  retemper merge recipe.yml out --format gguf --quantise q4_k_m
  retemper merge recipe.yml out --device cuda
  retemper merge recipe.yml out --json --verify | tail -1 | jq .result`;

export function addMergeCommand(program: Command, session: Session): Command {
  const command = program
    .command("merge")
    .summary("merge models as a recipe says")
    .description("Merges models as a recipe says and writes the result to a folder, all of it or nothing.")
    .argument("<recipe>", "recipe file (YAML or JSON, as mergekit-yaml reads it)")
    .argument("[out]", "output folder; must not exist or be empty, unless --force")
    .addHelpText("after", EXAMPLES)
    .optionsGroup("Output folder:")
    .option("--dry-run", "read headers and configuration only; show what would be done");
  addMergeOptions(command);
  addPlanningOptions(command, { adapter: true });
  addLambdaOption(command);
  addCommonOptions(command);
  addIdleOptions(command);
  return command.action(async (recipe: string, out: string | undefined, flags: MergeFlags) => {
    noteIdleOptions(command, session.renderer);
    if (flags.dryRun) return showPlan(recipe, out, flags, session);
    if (out === undefined) {
      throw new RetemperError("USAGE", "missing required argument 'out'", {
        hint: "retemper merge RECIPE OUT, or --dry-run to see what a merge would do",
      });
    }
    const { renderer, signal } = session;
    const report = await merge(recipe, out, {
      ...mergeOptions(flags),
      lambda: oneLambda(flags),
      hub: downloading(session),
      signal,
      onProgress: (progress) => renderer.progress(progress),
    });
    for (const warning of report.warnings) renderer.warn(warning);
    renderer.result(report, describeMerge(report));
  });
}

/** The library's options for what was given. */
export function mergeOptions(flags: MergeFlags): MergeOptions {
  return {
    ...planningOptions(flags),
    force: flags.force,
    verify: flags.verify,
    failOnNonfinite: flags.failOnNonfinite,
    keepPartial: flags.keepPartial,
    hashInputs: flags.hashInputs,
    reading: flags.reading,
    writing: flags.writing,
    device: flags.device ?? (flags.cuda ? "cuda" : undefined),
    multiGpu: flags.multiGpu,
    copyTokenizer: flags.copyTokenizer,
    writeModelCard: flags.writeModelCard,
    trustRemoteCode: flags.trustRemoteCode,
  };
}

/** The options of an output folder; a sweep has them for each of its points. */
export function addMergeOptions(command: Command): void {
  command
    .optionsGroup("Output folder:")
    .option("--force", "replace an existing output; it stays until the new one is complete")
    .option("--verify", "read the result again and compare digests before it gets its name")
    .option("--fail-on-nonfinite", "refuse a result with NaN or infinite values")
    .option("--keep-partial", "keep the unfinished output after a failure")
    .option("--hash-inputs", "record the inputs' sha256 (reads them a second time where it is not known)")
    .option("--copy-tokenizer", "write the tokenizer's files (default)")
    .option("--no-copy-tokenizer", "do not write them")
    .option("--write-model-card", "write README.md (default)")
    .option("--no-write-model-card", "do not write it")
    .option("--trust-remote-code", "copy the base model's *.py files; they are never run here")
    .addOption(new Option("--no-trust-remote-code").hideHelp())
    .optionsGroup("Reading and writing:")
    .addOption(
      new Option(
        "--reading <way>",
        "auto maps what is in memory and reads the rest past the page cache; pread suits network storage",
      ).choices(["auto", "map", "pread", "direct", "uncached"]),
    )
    .addOption(
      new Option("--writing <way>", "auto writes past the page cache; cached leaves the result in it").choices([
        "auto",
        "cached",
        "direct",
      ]),
    )
    .optionsGroup("Computing:")
    .addOption(
      new Option(
        "--device <name>",
        "where; auto is the CPU, since merges are limited by disks, not by arithmetic",
      ).choices(["auto", "cpu", "cuda"]),
    )
    .option("--cuda", "the same as --device cuda; fails where there is no usable GPU")
    .addOption(new Option("--no-cuda").hideHelp())
    .option("--multi-gpu", "with cuda: spread each tensor over all GPUs")
    .addOption(new Option("--no-multi-gpu").hideHelp());
}

/** A finished merge, for people. */
export function describeMerge(report: MergeReport): string {
  const { tensors } = report;
  const lines = [
    `${report.out}: ${formatCount(tensors.tensors)} tensors, ${formatBytes(report.bytesWritten)}, method ${report.method}`,
    `${formatDuration(report.seconds)} in all, ${formatRate(report.gigabytesPerSecond * 1e9)}, ${report.threads} threads (${report.target})`,
  ];
  if (report.adapter) lines.push(adapterText(report.adapter));
  if (report.gates) lines.push(describeGates(report.gates));
  if (report.device) {
    const { names, tensors: there, onCpu } = report.device;
    const here = onCpu.map(({ reason, tensors }) => `, ${formatCount(tensors)} on the CPU (${reason})`).join("");
    lines.push(`${formatCount(there)} tensors on ${names.join(" and ")}${here}`);
  }
  if (tensors.straightShare !== undefined) {
    lines.push(`${(100 * tensors.straightShare).toFixed(1)} % of the vectors were parallel and took the straight line`);
  }
  if (tensors.keptShare !== undefined) lines.push(`${(100 * tensors.keptShare).toFixed(1)} % of the deltas were kept`);
  return lines.join("\n");
}
