// The command tree: names, help texts, and the mapping of commander's own failures to usage errors.

import { Command, CommanderError } from "commander";
import { RetemperError } from "../index.js";
import { addBatchCommand } from "./commands/batch.js";
import { addChatCommand } from "./commands/chat.js";
import { addCompareCommand } from "./commands/compare.js";
import { addDataCommand } from "./commands/data.js";
import { addEvaluateCommand } from "./commands/evaluate.js";
import { addGenerateCommand } from "./commands/generate.js";
import { addInitCommand } from "./commands/init.js";
import { addInspectCommand } from "./commands/inspect.js";
import { addMergeCommand } from "./commands/merge.js";
import { addPlanCommand } from "./commands/plan.js";
import { addReportCommand } from "./commands/report.js";
import { addRunCommand } from "./commands/run.js";
import { addSelectCommand } from "./commands/select.js";
import { addServeCommand } from "./commands/serve.js";
import { addSetupTensorflowCommand } from "./commands/setupTensorflow.js";
import { addSweepCommand } from "./commands/sweep.js";
import { addTuneCommand } from "./commands/tune.js";
import { addVerifyCommand } from "./commands/verify.js";
import { addWatchCommand } from "./commands/watch.js";
import type { Session } from "./session.js";

const EXIT_CODES = `
Exit codes:
  0 ok              1 unexpected      2 usage            3 bad recipe
  4 bad input       5 models differ   6 no space         7 input/output
  8 out of memory   9 device          10 nothing passes the gate
  11 network        12 output exists or is in use
  13 training diverged                14 no sandbox for a model's programs
  130 interrupted   143 terminated    141 the reader of stdout went away

Examples:
  retemper merge recipe.yml out          merge, write out/
  retemper sweep recipe.yml out --lambda 0.1:0.9:0.1    one output for each lambda, in one pass
  retemper batch manifest.yml            merge many recipes, skipping what is complete
  retemper plan recipe.yml               what a merge would read, write and need
  retemper generate path/to/model --prompts questions.jsonl --out answers.jsonl
  retemper data magicoder rows           training data of the paper on merging
  retemper tune model rows.jsonl out     a LoRA adapter, as PEFT trains it
  retemper inspect path/to/model         tensors, dtypes, sizes
  retemper evaluate model --suite safety:prompts.jsonl   attack success rate; --list shows what else there is
  retemper init && retemper run experiment.yml    from models to the merge to ship, with a report
  retemper select results --gate "asr <= aligned + 0.02"   which merge to ship; exit code 10 if none passes
  retemper verify out                    compare out/ with the digests taken while it was written`;

/** The exit status of a command whose reader went away, as shells say it (128 + SIGPIPE). */
export const READER_LEFT = 141;

/** Runs one command line; resolves to the exit status and never rejects. */
export async function runProgram(args: readonly string[], version: string, session: Session): Promise<number> {
  const program = buildProgram(version, session);
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    const stopped = session.stopStatus();
    if (stopped === READER_LEFT) return stopped; // nobody reads the error
    if (!(error instanceof CommanderError)) return session.renderer.error(error, stopped);
    if (error.exitCode === 0) return 0; // --help, --version
    if (error.code === "commander.help") return 2; // no command: the help is on stderr already
    const message = error.message.replace(/^error: /, "");
    return session.renderer.error(
      new RetemperError("USAGE", message, { hint: "retemper COMMAND --help lists what there is" }),
    );
  }
}

function buildProgram(version: string, session: Session): Command {
  const program = new Command("retemper")
    .description("Merge safetensors checkpoints: exactly, in little memory, from mergekit's recipes.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.write(text),
      writeErr: (text) => session.writeError(text),
      outputError: () => {}, // rendered by runProgram, with the exit status
    })
    .configureHelp({ showGlobalOptions: false });
  let verbose = 0;
  program.hook("preAction", (_, command) => {
    const { json, quiet } = command.opts<{ json?: boolean; quiet?: boolean }>();
    session.renderer.configure({ json, quiet, verbose });
  });
  for (const add of [
    addMergeCommand,
    addSweepCommand,
    addBatchCommand,
    addPlanCommand,
    addInspectCommand,
    addGenerateCommand,
    addEvaluateCommand,
    addCompareCommand,
    addInitCommand,
    addRunCommand,
    addSelectCommand,
    addReportCommand,
    addWatchCommand,
    addChatCommand,
    addDataCommand,
    addTuneCommand,
    addServeCommand,
    addVerifyCommand,
    addSetupTensorflowCommand,
  ]) {
    add(program, session).on("option:verbose", () => {
      verbose += 1;
    });
  }
  return program;
}
