// The command `retemper`: all commands, and what its help says.

import { type CommandTree, runCommandLine } from "./commandLine.js";
import type { Session } from "./session.js";

const HELP = `
Exit codes:
  0 ok              1 unexpected      2 usage            3 bad recipe
  4 bad input       5 models differ   6 no space         7 input/output
  8 out of memory   9 device          10 nothing passes the gate
  11 network        12 output exists or is in use
  13 training diverged                14 no sandbox for a model's programs
  15 two models behave differently
  130 interrupted   143 terminated    141 the reader of stdout went away

Examples:
  retemper merge recipe.yml out          merge, write out/
  retemper sweep recipe.yml out --lambda 0.1:0.9:0.1    one output for each lambda, in one pass
  retemper batch manifest.yml            merge many recipes, skipping what is complete
  retemper plan recipe.yml               what a merge would read, write and need
  retemper generate path/to/model --prompts questions.jsonl --out answers.jsonl
  retemper data magicoder rows           training data of the paper on merging
  retemper tune model rows.jsonl out     a LoRA adapter, as PEFT trains it
  retemper extract aligned tuned out     the difference of two models as a LoRA adapter
  retemper inspect path/to/model         tensors, dtypes, sizes; --compare: what a tuning changed of them
  retemper pull org/name                 download a model from the hub
  retemper convert out gguf --format gguf --quantise q4_k_m    one file for llama.cpp and Ollama
  retemper evaluate model --suite safety:prompts.jsonl   attack success rate; --list shows what else there is
  retemper init && retemper run experiment.yml    from models to the merge to ship, with a report
  retemper select results --gate "asr <= aligned + 0.02"   which merge to ship; exit code 10 if none passes
  retemper search experiment.yml         coefficients by layer that are as safe, and no checkpoint for each try
  retemper play recipe.yml               move lambda in a browser, and watch the answer change
  retemper behave base+adapter out       does out answer as the tested model? if not, why
  retemper verify out                    compare out/ with the digests taken while it was written`;

const TREE: CommandTree = {
  name: "retemper",
  description: "Merge safetensors checkpoints: exactly, in little memory, from mergekit's recipes.",
  helpAfter: HELP,
  commands: {
    merge: async () => (await import("./commands/merge.js")).addMergeCommand,
    extract: async () => (await import("./commands/extract.js")).addExtractCommand,
    sweep: async () => (await import("./commands/sweep.js")).addSweepCommand,
    batch: async () => (await import("./commands/batch.js")).addBatchCommand,
    convert: async () => (await import("./commands/convert.js")).addConvertCommand,
    plan: async () => (await import("./commands/plan.js")).addPlanCommand,
    inspect: async () => {
      const [{ addInspectCommand }, { comparisonReport }] = await Promise.all([
        import("./commands/inspect.js"),
        import("../entries/experiment.js"),
      ]);
      return (program, session) => addInspectCommand(program, session, comparisonReport);
    },
    pull: async () => (await import("./commands/pull.js")).addPullCommand,
    generate: async () => (await import("./commands/generate.js")).addGenerateCommand,
    evaluate: async () => (await import("./commands/evaluate.js")).addEvaluateCommand,
    compare: async () => (await import("./commands/compare.js")).addCompareCommand,
    behave: async () => (await import("./commands/behave.js")).addBehaveCommand,
    init: async () => (await import("./commands/init.js")).addInitCommand,
    run: async () => (await import("./commands/run.js")).addRunCommand,
    search: async () => (await import("./commands/search.js")).addSearchCommand,
    attribute: async () => (await import("./commands/attribute.js")).addAttributeCommand,
    select: async () => (await import("./commands/select.js")).addSelectCommand,
    report: async () => (await import("./commands/report.js")).addReportCommand,
    watch: async () => (await import("./commands/watch.js")).addWatchCommand,
    study: async () => (await import("./commands/study.js")).addStudyCommand,
    chat: async () => (await import("./commands/chat.js")).addChatCommand,
    data: async () => (await import("./commands/data.js")).addDataCommand,
    tune: async () => (await import("./commands/tune.js")).addTuneCommand,
    serve: async () => (await import("./commands/serve.js")).addServeCommand,
    play: async () => (await import("./commands/play.js")).addPlayCommand,
    push: async () => (await import("./commands/push.js")).addPushCommand,
    verify: async () => (await import("./commands/verify.js")).addVerifyCommand,
    "setup-tensorflow": async () => (await import("./commands/setupTensorflow.js")).addSetupTensorflowCommand,
  },
};

/** Runs one command line; resolves to the exit status. Rejects only where the command's own files cannot be loaded. */
export function runProgram(args: readonly string[], version: string, session: Session): Promise<number> {
  return runCommandLine(TREE, args, version, session);
}
