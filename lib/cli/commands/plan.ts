// `retemper plan RECIPE` and `merge --dry-run`: what a merge would read, write and need, from headers alone.

import { type Command, InvalidArgumentError, Option } from "commander";
import { type MergePlan, type PlanOptions, plan } from "../../index.js";
import { formatBytes, formatCount, parseInteger, parseSize } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";

export interface PlanningFlags {
  readonly quiet?: boolean;
  readonly randomSeed?: number;
  readonly outShardSize?: number;
  readonly unsafeTruncateEmbeddings?: boolean;
  readonly loraMergeDtype?: "bfloat16" | "float16" | "float32" | "float64";
  readonly lenient?: boolean;
  readonly transformersCache?: string;
  readonly threads?: number;
  readonly numThreads?: number;
  readonly maxMemory?: number;
}

const EXAMPLES = `
Examples:
  retemper plan recipe.yml
  retemper plan recipe.yml --json | jq .result.estimate`;

export function addPlanCommand(program: Command, session: Session): Command {
  const command = program
    .command("plan")
    .summary("show what a merge would do (= merge --dry-run)")
    .description(
      "Checks a recipe against its models and shows what a merge would read, write and need. Reads headers only.",
    )
    .argument("<recipe>", "recipe file")
    .argument("[out]", "output folder, to check the space on its disk")
    .addHelpText("after", EXAMPLES);
  addPlanningOptions(command);
  addCommonOptions(command);
  return command.action((recipe: string, out: string | undefined, flags: PlanningFlags) =>
    showPlan(recipe, out, flags, session),
  );
}

/** The options that decide what is merged; `merge` and `plan` share them. */
export function addPlanningOptions(command: Command): void {
  command
    .optionsGroup("What is merged:")
    .option("--random-seed <n>", "seed of the random masks (default 0)", parseInteger(0))
    .option("--out-shard-size <size>", "bytes of tensors in one output file (default 5G)", parseSize)
    .option("--unsafe-truncate-embeddings", "cut embeddings of different heights to their common rows")
    .addOption(new Option("--no-unsafe-truncate-embeddings").hideHelp())
    .option("--lora-merge-dtype <dtype>", "round base + adapter to this dtype before the merge", parseDtype)
    .option("--lenient", "ignore unknown keys of the recipe")
    .option("--transformers-cache <folder>", "where downloaded models lie")
    .optionsGroup("Resources:")
    .option(
      "-j, --num-threads <n>",
      "worker threads (default: one for each core); the bytes do not depend on it",
      parseInteger(1),
    )
    .option("--threads <n>", "the same", parseInteger(1))
    .option("--max-memory <size>", "memory for buffers, mapped files apart", parseSize);
}

/** The library's options for what was given. */
export function planningOptions(flags: PlanningFlags): PlanOptions {
  return {
    seed: flags.randomSeed,
    outShardSize: flags.outShardSize,
    unsafeTruncateEmbeddings: flags.unsafeTruncateEmbeddings,
    loraMergeDtype: flags.loraMergeDtype,
    lenient: flags.lenient,
    transformersCache: flags.transformersCache,
    threads: flags.threads ?? flags.numThreads,
    maxMemory: flags.maxMemory,
  };
}

export async function showPlan(
  recipe: string,
  out: string | undefined,
  flags: PlanningFlags,
  { renderer, signal }: Session,
): Promise<void> {
  const planned = await plan(recipe, { ...planningOptions(flags), signal });
  for (const warning of planned.warnings) renderer.warn(warning);
  renderer.result(planned, describe(planned));
}

function describe(planned: MergePlan): string {
  return JSON.stringify(planned.estimate);
}

function parseDtype(text: string): string {
  const name = text.replace(/^torch\./, "");
  if (["bfloat16", "float16", "float32", "float64"].includes(name)) return name;
  throw new InvalidArgumentError("Give bfloat16, float16, float32 or float64.");
}
