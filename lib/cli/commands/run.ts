// `retemper run EXPERIMENT`: from an aligned model and its tunings to the merge to ship, with a report.

import { join } from "node:path";
import type { Command } from "commander";
import { planRun, RetemperError, run } from "../../index.js";
import { formatBytes, formatCount } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

const HELP = `
The run evaluates the aligned and the tuned models, every merge that the experiment names, chooses by its rule, writes what
was chosen, measures the written models on test data, and writes results.json, report.html and report.md into OUT.
Started again with the same experiment and OUT it goes on where it was, also after kill -9.
The exit code is 10 where the experiment has a gate and nothing passes.

Examples:
  retemper init && retemper run experiment.yml --plan
  retemper run experiment.yml --out results`;

export function addRunCommand(program: Command, session: Session): Command {
  const command = program
    .command("run")
    .summary("an experiment: tune, sweep, evaluate, select, write, report; goes on where it was stopped")
    .description("Runs an experiment from its models to the chosen merge and a report.")
    .argument("<experiment>", "experiment.yml; retemper init writes one")
    .addHelpText("after", HELP)
    .option("--out <folder>", "where results, models and report go", "results")
    .option("--plan", "check everything, say what would be done, and end");
  addCommonOptions(command);
  return command.action(async (file: string, flags: { out: string; plan?: boolean; quiet?: boolean }) => {
    const { renderer, signal } = session;
    if (flags.plan) {
      const planned = await planRun(file, flags.out, { signal });
      const rows = planned.steps.map(({ step, bytes, tokens }) => [step, formatBytes(bytes), formatCount(tokens)]);
      const text = table(["step", "bytes written", "new tokens at most"], rows, [1, 2]);
      renderer.result(planned, flags.quiet ? "" : text);
      return;
    }
    const results = await run(file, flags.out, { signal, onStep: (step) => renderer.note(step) });
    const { overall, rule } = results.selection;
    const path = join(flags.out, "report.html");
    if (overall.candidate === null && rule.gate !== undefined) {
      throw new RetemperError("GATE", overall.sentence, { hint: `see ${path}` });
    }
    renderer.result({ selection: results.selection, report: path }, flags.quiet ? "" : `${overall.sentence}\n${path}`);
  });
}
