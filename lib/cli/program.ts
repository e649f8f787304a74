// The command `retemper`: all commands, and what its help says.

import { comparisonReport } from "../index.js";
import { type CommandTree, runCommandLine } from "./commandLine.js";
import { addAttributeCommand } from "./commands/attribute.js";
import { addBatchCommand } from "./commands/batch.js";
import { addBehaveCommand } from "./commands/behave.js";
import { addChatCommand } from "./commands/chat.js";
import { addCompareCommand } from "./commands/compare.js";
import { addConvertCommand } from "./commands/convert.js";
import { addDataCommand } from "./commands/data.js";
import { addEvaluateCommand } from "./commands/evaluate.js";
import { addExtractCommand } from "./commands/extract.js";
import { addGenerateCommand } from "./commands/generate.js";
import { addInitCommand } from "./commands/init.js";
import { addInspectCommand } from "./commands/inspect.js";
import { addMergeCommand } from "./commands/merge.js";
import { addPlanCommand } from "./commands/plan.js";
import { addPlayCommand } from "./commands/play.js";
import { addPullCommand } from "./commands/pull.js";
import { addPushCommand } from "./commands/push.js";
import { addReportCommand } from "./commands/report.js";
import { addRunCommand } from "./commands/run.js";
import { addSearchCommand } from "./commands/search.js";
import { addSelectCommand } from "./commands/select.js";
import { addServeCommand } from "./commands/serve.js";
import { addSetupTensorflowCommand } from "./commands/setupTensorflow.js";
import { addStudyCommand } from "./commands/study.js";
import { addSweepCommand } from "./commands/sweep.js";
import { addTuneCommand } from "./commands/tune.js";
import { addVerifyCommand } from "./commands/verify.js";
import { addWatchCommand } from "./commands/watch.js";
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
  commands: [
    addMergeCommand,
    addExtractCommand,
    addSweepCommand,
    addBatchCommand,
    addConvertCommand,
    addPlanCommand,
    (program, session) => addInspectCommand(program, session, comparisonReport),
    addPullCommand,
    addGenerateCommand,
    addEvaluateCommand,
    addCompareCommand,
    addBehaveCommand,
    addInitCommand,
    addRunCommand,
    addSearchCommand,
    addAttributeCommand,
    addSelectCommand,
    addReportCommand,
    addWatchCommand,
    addStudyCommand,
    addChatCommand,
    addDataCommand,
    addTuneCommand,
    addServeCommand,
    addPlayCommand,
    addPushCommand,
    addVerifyCommand,
    addSetupTensorflowCommand,
  ],
};

/** Runs one command line; resolves to the exit status and never rejects. */
export function runProgram(args: readonly string[], version: string, session: Session): Promise<number> {
  return runCommandLine(TREE, args, version, session);
}
