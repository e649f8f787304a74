// The command `retemper-core` of the package `@retemper/core`: the commands of merging.

import { type CommandTree, runCommandLine } from "./commandLine.js";
import type { Session } from "./session.js";

const HELP = `
Exit codes:
  0 ok              1 unexpected      2 usage            3 bad recipe
  4 bad input       5 models differ   6 no space         7 input/output
  8 out of memory   9 device          11 network       12 output exists or is in use
  130 interrupted   143 terminated    141 the reader of stdout went away

Examples:
  retemper-core merge recipe.yml out     merge, write out/
  retemper-core sweep recipe.yml out --lambda 0.1:0.9:0.1    one output for each lambda, in one pass
  retemper-core batch manifest.yml       merge many recipes, skipping what is complete
  retemper-core convert out gguf --format gguf --quantise q4_k_m    one file for llama.cpp
  retemper-core plan recipe.yml          what a merge would read, write and need
  retemper-core inspect path/to/model    tensors, dtypes, sizes
  retemper-core pull org/name            download a model from the hub
  retemper-core verify out               compare out/ with the digests taken while it was written

Generation, evaluation, tuning, serving and experiments are in the package retemper.`;

const TREE: CommandTree = {
  name: "retemper-core",
  description: "Merge safetensors checkpoints: exactly, in little memory, from mergekit's recipes.",
  helpAfter: HELP,
  commands: {
    merge: async () => (await import("./commands/merge.js")).addMergeCommand,
    extract: async () => (await import("./commands/extract.js")).addExtractCommand,
    sweep: async () => (await import("./commands/sweep.js")).addSweepCommand,
    batch: async () => (await import("./commands/batch.js")).addBatchCommand,
    convert: async () => (await import("./commands/convert.js")).addConvertCommand,
    plan: async () => (await import("./commands/plan.js")).addPlanCommand,
    inspect: async () => (await import("./commands/inspect.js")).addInspectCommand,
    pull: async () => (await import("./commands/pull.js")).addPullCommand,
    verify: async () => (await import("./commands/verify.js")).addVerifyCommand,
  },
};

/** Runs one command line; resolves to the exit status. Rejects only where the command's own files cannot be loaded. */
export function runProgram(args: readonly string[], version: string, session: Session): Promise<number> {
  return runCommandLine(TREE, args, version, session);
}
