// `retemper plan RECIPE` and `merge --dry-run`: what a merge would read, write and need, from headers alone.

import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type MergePlan, type PlanOptions, plan, RetemperError } from "../../entries/merge.js";
import { freeBytes } from "../../files/freeBytes.js";
import { downloading } from "../downloading.js";
import { BLOCKS } from "../quantisations.js";
import { formatBytes, formatCount, parseInteger, parseSize } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";
import { type LambdaFlags, lambdaOptions, lambdasOf } from "../values.js";

export interface PlanningFlags {
  readonly randomSeed?: number;
  readonly format?: PlanOptions["format"];
  readonly quantise?: PlanOptions["quantise"];
  readonly rank?: number;
  readonly energy?: number;
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
      "Checks a recipe against its models and shows what a merge would read, write and need. Reads headers only, but for methods with gates (safe_lora, safemerge), which read their models: the plan shows which modules are gated.",
    )
    .argument("<recipe>", "recipe file")
    .argument("[out]", "output folder, to check the space on its disk")
    .addHelpText("after", EXAMPLES);
  addPlanningOptions(command, { adapter: true });
  addLambdaOption(command);
  addCommonOptions(command);
  return command.action((recipe: string, out: string | undefined, flags: PlanningFlags & LambdaFlags) =>
    showPlan(recipe, out, flags, session),
  );
}

/** The options that decide what is merged; `merge` and `plan` share them. */
export function addPlanningOptions(command: Command, { adapter = false } = {}): void {
  command
    .optionsGroup("What is merged:")
    .option("--random-seed <n>", "seed of the random masks (default 0)", parseInteger(0))
    .option("--unsafe-truncate-embeddings", "cut embeddings of different heights to their common rows")
    .addOption(new Option("--no-unsafe-truncate-embeddings").hideHelp())
    .option("--lora-merge-dtype <dtype>", "round base + adapter to this dtype before the merge", parseDtype)
    .option("--lenient", "ignore unknown keys of the recipe")
    .optionsGroup("What is written:");
  addFormatOptions(command, adapter);
  if (adapter) addRankOptions(command, "with --format adapter: ");
  addResourceOptions(command);
}

/** What the tensors are written as. */
export function addFormatOptions(command: Command, adapter = false): void {
  const lora = adapter ? ", or adapter: a LoRA adapter of the base, exact where the change is of low rank" : "";
  command
    .addOption(
      new Option(
        "--format <format>",
        `safetensors (default), gguf: one file for llama.cpp and Ollama, fp8: linear layers in 8 bits for vLLM${lora}`,
      ).choices(["safetensors", "gguf", "fp8", ...(adapter ? ["adapter"] : [])]),
    )
    .addOption(
      new Option("--quantise <types>", "of a GGUF file, mixed as llama-quantize does (default: 16 or 32 bits)").choices(
        ["f32", "f16", "bf16", ...BLOCKS],
      ),
    )
    .option("--out-shard-size <size>", "bytes of tensors in one output file (default 5G)", parseSize);
}

/** How low the ranks of an adapter are. */
export function addRankOptions(command: Command, when = ""): void {
  command
    .option("--rank <r>", `${when}highest rank of each product; the report tells the error`, parseInteger(1))
    .option("--energy <share>", `${when}lowest rank that keeps this share (0 to 1) of the squared norm`, Number);
}

/** Where models are found, and what a run may take. */
export function addResourceOptions(command: Command): void {
  command
    .option("--transformers-cache <folder>", "cache of downloaded models")
    .optionsGroup("Resources:")
    .option(
      "-j, --num-threads <n>",
      "worker threads (default: one for each core); the bytes do not depend on it",
      parseInteger(1),
    )
    .option("--threads <n>", "the same", parseInteger(1))
    .option("--max-memory <size>", "memory for buffers, mapped files apart", parseSize);
}

/** `--lambda`, with one value. */
export function addLambdaOption(command: Command): void {
  command.optionsGroup("What is merged:");
  const what = "weight of the one fine-tuned model against the aligned one; the recipe may leave it out";
  for (const option of lambdaOptions(what)) command.addOption(option);
}

export function oneLambda(flags: LambdaFlags): number | undefined {
  const [lambda, ...others] = lambdasOf(flags) ?? [];
  if (others.length === 0) return lambda;
  throw new RetemperError("USAGE", "a merge has one lambda", {
    hint: "retemper sweep RECIPE OUT --lambda ... makes an output for each value",
  });
}

/** The library's options for what was given. */
export function planningOptions(flags: PlanningFlags): PlanOptions {
  return {
    seed: flags.randomSeed,
    format: flags.format,
    quantise: flags.quantise,
    rank: flags.rank,
    energy: flags.energy,
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
  flags: PlanningFlags & LambdaFlags,
  session: Session,
): Promise<void> {
  const { renderer, signal, endWithReader } = session;
  const hub = downloading(session);
  endWithReader();
  const planned = await plan(recipe, { ...planningOptions(flags), lambda: oneLambda(flags), hub, signal });
  for (const warning of planned.warnings) renderer.warn(warning);
  const diskFree = out === undefined ? undefined : await freeBytes(resolve(out));
  if (diskFree !== undefined && diskFree < planned.estimate.diskNeeded) {
    renderer.warn(`the disk of ${out} has ${formatBytes(diskFree)} free, less than the merge needs`);
  }
  renderer.result({ ...planned, ...(diskFree !== undefined && { diskFree }) }, describe(planned, diskFree));
}

/** Unmatched tensors that are shown to people; --json has them all. */
const SHOWN_UNMATCHED = 20;

function describe(planned: MergePlan, diskFree?: number): string {
  const { method, tensors, files, operations, unmatched, estimate, adapter, gates, preparation } = planned;
  const counts = Object.entries(operations).map(([operation, count]) => `${formatCount(count)} ${operation}`);
  const rows: [string, string][] = [
    ["method", method],
    ["tensors", `${formatCount(tensors.length)} (${counts.join(", ")})`],
    ...(adapter ? [["adapter", describeAdapter(adapter)] satisfies [string, string]] : []),
    ...(gates ? [["gates", describeGates(gates)] satisfies [string, string]] : []),
    ...(preparation ? [["prepare", describePreparation(preparation)] satisfies [string, string]] : []),
    ["unmatched", formatCount(unmatched.length)],
    ["read", formatBytes(estimate.bytesRead)],
    [
      "write",
      `${formatBytes(estimate.bytesWritten)} in ${formatCount(files.length)} file${files.length === 1 ? "" : "s"}`,
    ],
    ["memory", `${formatBytes(estimate.peakMemory)} at most, mapped files apart`],
    ["disk", `${formatBytes(estimate.diskNeeded)}${diskFree === undefined ? "" : ` of ${formatBytes(diskFree)} free`}`],
  ];
  const lines = [table(["", ""], rows).trimStart()];
  if (gates && gates.length > 0) {
    const judged = gates.map(({ module, rho, gated }) => [module, rho.toFixed(5), gated ? "gated" : ""]);
    lines.push("", table(["module", "rho", ""], judged, [1]));
  }
  if (unmatched.length > 0) {
    const shown = unmatched.slice(0, SHOWN_UNMATCHED).map(({ model, tensor, reason }) => [tensor, model, reason]);
    lines.push("", table(["unmatched tensor", "model", "why it is not used"], shown));
    if (unmatched.length > shown.length)
      lines.push(`and ${formatCount(unmatched.length - shown.length)} more (--json)`);
  }
  return lines.join("\n");
}

/** "3 of 14 modules". */
export function describeGates(gates: NonNullable<MergePlan["gates"]>): string {
  const gated = gates.filter((one) => one.gated).length;
  return `${formatCount(gated)} of ${formatCount(gates.length)} modules gated`;
}

function describePreparation({ bytes, rows, tokens = 0 }: NonNullable<MergePlan["preparation"]>): string {
  const made = `${formatBytes(bytes)} at most beside the output, until it is done`;
  if (rows === undefined) return made;
  return `the aligned model reads ${formatCount(tokens)} tokens of ${formatCount(rows)} rows; ${made}`;
}

function describeAdapter({ base, products, whole }: NonNullable<MergePlan["adapter"]>): string {
  const ranks = products.map(({ rank }) => rank);
  const [low, high] = [Math.min(...ranks), Math.max(...ranks)];
  const rank = low === high ? `rank ${low}` : `ranks ${low} to ${high}`;
  const rough = products.filter(({ exact }) => !exact).length;
  const how = rough === 0 ? "exact" : `${formatCount(rough)} of them approximated, at most`;
  const saved = whole.length === 0 ? "" : `; ${formatCount(whole.length)} tensors whole where they differ`;
  return `of ${base}: ${formatCount(products.length)} products of ${rank} (${how})${saved}`;
}

export function parseDtype(text: string): string {
  const name = text.replace(/^torch\./, "");
  if (["bfloat16", "float16", "float32", "float64"].includes(name)) return name;
  throw new InvalidArgumentError("Give bfloat16, float16, float32 or float64.");
}
