// `retemper extract BASE TUNED OUT`: the difference of two models as a LoRA adapter.

import type { Command } from "commander";
import { extract } from "../../entries/merge.js";
import { adapterText } from "../adapterText.js";
import { downloading } from "../downloading.js";
import { formatBytes, formatDuration, parseInteger, parseSize } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { addMergeOptions, type MergeFlags, mergeOptions } from "./merge.js";
import { addRankOptions } from "./plan.js";

const EXAMPLES = `
Embeddings, heads, norms and biases that differ are kept whole (modules_to_save).

Examples:
  retemper extract path/to/aligned path/to/tuned adapter --rank 32
  retemper extract path/to/aligned path/to/tuned adapter --energy 0.95
  retemper extract path/to/aligned path/to/tuned adapter --json | jq .result.adapter.tensors`;

export function addExtractCommand(program: Command, session: Session): Command {
  const command = program
    .command("extract")
    .summary("write the difference of two models as a LoRA adapter")
    .description(
      "Writes the difference of two models as a LoRA adapter of the first, for PEFT: the nearest product of a rank\nfor each matrix of a layer. Tells which share of the change is kept.",
    )
    .argument("<base>", "the model that the adapter lies on")
    .argument("<tuned>", "a model of the same shapes")
    .argument("<out>", "output folder; must not exist or be empty, unless --force")
    .addHelpText("after", EXAMPLES)
    .optionsGroup("What is extracted:");
  addRankOptions(command);
  addMergeOptions(command);
  command
    .optionsGroup("Resources:")
    .option(
      "--threads <n>",
      "worker threads (default: one for each core); the bytes do not depend on it",
      parseInteger(1),
    )
    .option("--max-memory <size>", "memory for the engine's buffers, mapped files apart", parseSize)
    .option("--transformers-cache <folder>", "cache of downloaded models");
  addCommonOptions(command);
  return command.action(async (base: string, tuned: string, out: string, flags: MergeFlags) => {
    const { renderer, signal } = session;
    const { rank, energy, threads, maxMemory, transformersCache } = flags;
    const report = await extract(base, tuned, out, {
      ...mergeOptions(flags),
      ...{ rank, energy, threads, maxMemory, transformersCache },
      hub: downloading(session),
      signal,
      onProgress: (progress) => renderer.progress(progress),
    });
    for (const warning of report.warnings) renderer.warn(warning);
    const head = `${report.out}: ${formatBytes(report.bytesWritten)}, ${formatDuration(report.seconds)}`;
    renderer.result(report, report.adapter ? `${head}\n${adapterText(report.adapter)}` : head);
  });
}
