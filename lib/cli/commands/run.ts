// `retemper run EXPERIMENT`: from an aligned model and its tunings to the merge to ship, with a report.

import { join } from "node:path";
import type { Command } from "commander";
import { planRun, RetemperError, run } from "../../index.js";
import { alarmText } from "../alarmText.js";
import { downloading } from "../downloading.js";
import { warnFromDisk } from "../generationFlags.js";
import { parsePartition } from "../partition.js";
import { planText } from "../planText.js";
import { endedText, shownProgress } from "../runText.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
Without a file it takes experiment.yml of the working directory. Everything that is wrong with it, and with the models and data
that it names, is said at once, before anything is done.
The run evaluates the aligned and the tuned models, every merge that the experiment names, chooses by its rule, writes what
was chosen, measures the written models on test data, and writes results.json, report.html and report.md into OUT.
Started again with the same experiment and OUT it goes on where it was, also after kill -9. It says which step of how many goes on,
tokens a second and the time left: in a terminal as a bar, in a log as a line every half minute at most and one for each step that
is done, with --json as events ("progress" and "step").
The exit code is 10 where no merge meets the rule, or the gate if there is one, and where the chosen merge does not hold on the
data that confirm it; 15 where a form in which it ships (ship) does not behave as what was measured. The report is written all the same.
--partition i/n: any number of processes, also on several machines, work on the experiment in one OUT. Each begins with its share of the steps
and then does what is left, also what those that died had; all end with the same result. auto takes i and n from a Slurm array
or a Kubernetes Indexed Job, auto/n only i. A run without it has OUT to itself: others are refused with exit code 12.

Examples:
  retemper init && retemper run --plan                           # of experiment.yml; with --json for programs
  retemper run experiment.yml --gate "asr <= aligned + 0.02"     # for pipelines
  retemper run experiment.yml --out results
  for i in 0 1 2 3; do retemper run --partition $i/4 & done; wait`;

interface RunFlags {
  readonly out: string;
  readonly gate?: string;
  readonly partition?: string;
  readonly plan?: boolean;
  readonly prune?: boolean;
}

export function addRunCommand(program: Command, session: Session): Command {
  const command = program
    .command("run")
    .summary("an experiment: tune, sweep, evaluate, select, write, report; resumes where it was stopped")
    .description("Runs an experiment from its models to the chosen merge and a report.")
    .argument("[experiment]", "the experiment's file; retemper init writes one", "experiment.yml")
    .addHelpText("after", HELP)
    .option("--out <folder>", "where results, models and report go", "results")
    .option("--gate <condition>", 'what a choice must pass, such as "asr <= aligned + 0.02"; exit code 10 if none does')
    .option("--prune", "remove the models in OUT that an earlier choice wrote; by default they are marked as obsolete")
    .option("--partition <i/n>", "share OUT with other runs, and begin with this share: i/n, auto, or auto/n")
    .option("--plan", "check everything, show what is there and what remains, and exit");
  addCommonOptions(command);
  return command.action(async (file: string, flags: RunFlags) => {
    const { renderer, signal, env } = session;
    const { gate } = flags;
    const partition = flags.partition === undefined ? undefined : parsePartition(flags.partition, env);
    if (flags.plan) {
      const planned = await planRun(file, flags.out, { signal, gate, hub: downloading(session) });
      renderer.result(planned, planText(planned));
      return;
    }
    session.goesOnWith({});
    const results = await run(file, flags.out, {
      signal,
      gate,
      hub: downloading(session),
      prune: flags.prune,
      partition,
      onStep: (step) => renderer.note(step),
      onModel: (model) => warnFromDisk(model, session),
      onNote: (text) => renderer.note(text),
      onProgress: (progress) => renderer.progress(shownProgress(progress)),
      onStepEnd: (ended) => renderer.ended({ event: "step", ...ended }, endedText(ended)),
    });
    const { overall } = results.selection;
    const path = join(flags.out, "report.html");
    const { confirmation, shipped, ship } = results;
    const shown = {
      ...{ selection: results.selection, confirmation, shipped, ...(ship && { ship }) },
      ...{ alarms: results.alarms ?? [], report: path },
    };
    const alarms = alarmText(results.alarms ?? []);
    if (overall.candidate === null) {
      renderer.answerBeforeError(shown, path + alarms);
      const hint = `${path} has every merge; another margin, more values of lambda or another method may pass`;
      throw new RetemperError("GATE", overall.sentence, { hint });
    }
    if (confirmation?.holds === false) {
      renderer.answerBeforeError(shown, path + alarms);
      const kept = results.outputs.filter(({ confirmed }) => confirmed === false).map((one) => one.path);
      const hint = `kept and marked as not confirmed: ${kept.join(", ")}. Nothing else may be chosen on the items that did not confirm it: take others, or fewer candidates and a margin that are fixed before`;
      throw new RetemperError("GATE", `Not confirmed: ${confirmation.sentence}`, { hint });
    }
    const text = [
      overall.sentence,
      ...(confirmation ? [confirmation.sentence] : []),
      ...(results.exploratory === undefined ? [] : [results.exploratory]),
      ...(shipped ? [`To ship: ${join(flags.out, shipped.link ?? shipped.path)} (${shipped.path})`] : []),
      ...(shipped?.why === undefined ? [] : [shipped.why]),
      ...(ship?.forms ?? []).map((one) => `${one.sentence} ${join(flags.out, one.path)}`),
      path,
    ];
    if (ship?.holds === false) {
      renderer.answerBeforeError(shown, text.join("\n") + alarms);
      const others = ship.forms.filter(({ holds }) => !holds).map((one) => one.path);
      const hint = `kept: ${others.join(", ")}. Ship another form, one with more bits (q8_0), or accept so much by its tolerance under ship`;
      throw new RetemperError("DIFFERS", ship.sentence, { hint });
    }
    renderer.result(shown, text.join("\n") + alarms);
  });
}
