// `retemper setup-tensorflow`: makes the engine that runs models on NVIDIA GPUs, by TensorFlow, ready for use.

import type { Command } from "commander";
import { setupTensorflow, type TensorflowSetup } from "../../index.js";
import { formatBytes, formatDuration } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

interface SetupFlags {
  readonly cuda?: boolean;
}

export function addSetupTensorflowCommand(program: Command, session: Session): Command {
  const command = program
    .command("setup-tensorflow")
    .summary("make the TensorFlow engine ready (needed for GPUs only)")
    .description(
      "Downloads TensorFlow's library, compiles TensorFlow.js's binding to it, and checks that it computes.\n" +
        "Needs a C++ compiler and 1.1 GB of disk (with --cuda 4.8 GB), in ~/.cache/retemper or RETEMPER_CACHE.\n" +
        "Models run without it too: the native engine needs no setup.",
    )
    .option("--cuda", "with CUDA and cuDNN, for an NVIDIA GPU")
    .addHelpText("after", "\nExamples:\n  retemper setup-tensorflow\n  retemper setup-tensorflow --cuda");
  addCommonOptions(command);
  return command.action(async ({ cuda }: SetupFlags) => {
    const { renderer, signal } = session;
    let phase: string | undefined;
    const setup = await setupTensorflow({
      cuda,
      signal,
      onProgress(progress) {
        if (progress.phase !== phase) renderer.note(`${progress.phase} ...`);
        phase = progress.phase;
        renderer.progress(progress);
      },
    });
    if (cuda && !setup.gpu) {
      renderer.warn(
        "TensorFlow found no GPU that it can use here, and computes on the processor: see nvidia-smi; with TF_CPP_MIN_LOG_LEVEL=0 it says what it misses",
      );
    }
    renderer.result(setup, describe(setup));
  });
}

function describe({ variant, folder, bytes, versions, gpu, alreadySetUp, seconds }: TensorflowSetup): string {
  const rows: [string, string][] = [
    ["TensorFlow", `${versions.TensorFlow} (${variant})`],
    ["TensorFlow.js", versions["TensorFlow.js"]],
    ["computes on", gpu ? "GPU" : "CPU"],
    ["folder", folder],
    ["size", formatBytes(bytes)],
  ];
  const state = alreadySetUp ? "already set up, checked" : "set up and checked";
  return `${table(["", ""], rows).trimStart()}\nTensorFlow is ${state} in ${formatDuration(seconds)}: --engine tensorflow`;
}
