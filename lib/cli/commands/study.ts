// `retemper study`: several tasks with several models in one run and one report; studies pooled.

import { join } from "node:path";
import type { Command } from "commander";
import { mergeStudies, type PlannedExperiment, planStudy, RetemperError, runStudy, studyReport } from "../../index.js";
import { downloading } from "../downloading.js";
import { warnFromDisk } from "../generationFlags.js";
import { parsePartition } from "../partition.js";
import { planText } from "../planText.js";
import { endedText, shownProgress } from "../runText.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
A study is the experiment of each task with each model, by one file: study.yml. retemper init --study writes one.

Examples:
  retemper init --study && retemper study run --plan     # checks everything, shows what would be done
  retemper study run study.yml --out study               # resumes where it was stopped
  retemper study merge study-a study-b --out study       # more seeds, items, tasks or models as one
  retemper study report study                            # the report again`;

const RUN_HELP = `
Without a file it takes study.yml of the working directory. Everything that is wrong with it, and with the models and data that it
names, is said at once, before anything is done.
OUT gets study.json (each verdict by its item, without prompts and answers), report.html and report.md, also after each
experiment, and experiments/MODEL/TASK, each the folder of a run. Answers are kept for all experiments together: a model is asked
the safety sets once for all tasks.
--partition i/n: any number of processes, also on several machines, work on the study in one OUT, as retemper run --help says.
A study measures: that no merge of a task meets the rule is in the report, and no error. The exit code is 15 where a form in which a
choice ships (ship) does not behave as what was measured, or keeps less; all experiments are run and the report is written all the same.

Examples:
  retemper study run --plan
  retemper study run study.yml --out study
  for i in 0 1; do retemper study run --out study --partition $i/2 & done; wait`;

const MERGE_HELP = `
Studies are pooled over their seeds and items where models, tasks, rule and settings agree; where they do not, the error names what
differs. What several measured, the same tuning on the same item, counts once, and must be the same. Merges of all tunings at once
(model_stock) are left out where the tunings are others; the choice is made again by all of them.

Examples:
  retemper study merge study-a study-b --out study
  retemper study merge monday tuesday friday --out week`;

/** @returns the commands that do something */
export function addStudyCommand(program: Command, session: Session): readonly Command[] {
  const study = program
    .command("study")
    .summary("tasks x models x seeds x methods in one run and one report; pool studies")
    .description("Runs, reports and pools studies.")
    .addHelpText("after", HELP);
  return [addRun, addReport, addMerge].map((add) => add(study, session));
}

interface RunFlags {
  readonly out: string;
  readonly plan?: boolean;
  readonly partition?: string;
}

function addRun(study: Command, session: Session): Command {
  const command = study
    .command("run")
    .summary("run the experiments of a study, and write one report; resumes where it was stopped")
    .description("Runs the experiment of each task with each model.")
    .argument("[study]", "the study's file; retemper init --study writes one", "study.yml")
    .addHelpText("after", RUN_HELP)
    .option("--out <folder>", "where results and report go", "study")
    .option("--partition <i/n>", "share OUT with other runs, and begin with this share: i/n, auto, or auto/n")
    .option("--plan", "check everything, show what would be done, and exit");
  addCommonOptions(command);
  return command.action(async (file: string, { out, plan, partition }: RunFlags) => {
    const { renderer, signal, env } = session;
    const share = partition === undefined ? {} : { partition: parsePartition(partition, env) };
    if (plan) {
      const planned = await planStudy(file, out, { signal });
      renderer.result({ experiments: planned }, planned.map(plannedText).join("\n\n"));
      return;
    }
    session.goesOnWith({});
    let now = "";
    const { name, cells } = await runStudy(file, out, {
      signal,
      hub: downloading(session),
      ...share,
      onExperiment: ({ task, model, k, n }) => {
        now = `${task} with ${model}`;
        renderer.note(`experiment ${k} of ${n}: ${now}`);
      },
      onStep: (step) => renderer.note(`${now}: ${step}`),
      onModel: (model) => warnFromDisk(model, session),
      onNote: (text) => renderer.note(text),
      onProgress: (progress) => renderer.progress(shownProgress(progress)),
      onStepEnd: (ended) => renderer.ended({ event: "step", ...ended }, endedText(ended)),
    });
    const report = join(out, "report.html");
    const experiments = cells.map(({ task, model, ship }) => ({ task, model, ...(ship && { ship }) }));
    const shown = { name, experiments, report };
    const failed = cells.flatMap(({ task, model, ship = [] }) =>
      ship.flatMap((form) => (form.holds ? [] : [{ ...form, where: `${task} with ${model}` }])),
    );
    if (failed.length > 0) {
      renderer.answerBeforeError(shown, report);
      const text = failed.map(({ where, sentence }) => `${where}: ${sentence}`).join(" ");
      throw new RetemperError("DIFFERS", `Not all that ships behaves as what was measured. ${text}`, {
        hint: "the experiments' own reports, under experiments/, have the folders of these forms. Ship other forms, those with more bits (q8_0), or accept so much by their tolerance under ship",
      });
    }
    renderer.result(shown, report);
  });
}

function plannedText({ task, model, plan }: PlannedExperiment): string {
  return `${task} with ${model}\n${planText(plan)}`;
}

function addReport(study: Command, session: Session): Command {
  const command = study
    .command("report")
    .summary("build the report of a study again: report.html and report.md")
    .description(
      "Writes report.html (one file, works offline) and report.md beside a study's study.json. They hold no answers.",
    )
    .argument("<folder>", "output folder of study run or study merge")
    .addHelpText("after", "\nExamples:\n  retemper study report study");
  addCommonOptions(command);
  return command.action(async (folder: string) => {
    const report = await studyReport(folder);
    session.renderer.result({ report }, report);
  });
}

interface MergeFlags {
  readonly out: string;
  readonly force?: boolean;
}

function addMerge(study: Command, session: Session): Command {
  const command = study
    .command("merge")
    .summary("pool studies over their seeds and items")
    .description("Pools studies, and writes the report of all.")
    .argument("<folders...>", "output folders of study run or study merge")
    .addHelpText("after", MERGE_HELP)
    .requiredOption("--out <folder>", "where the pooled study goes")
    .option("--force", "replace a study that is there");
  addCommonOptions(command);
  return command.action(async (folders: readonly string[], { out, force }: MergeFlags) => {
    const { name, cells, notes } = await mergeStudies(folders, out, { force });
    for (const note of notes) session.renderer.note(note);
    const report = join(out, "report.html");
    const experiments = cells.map(({ task, model, tunings }) => ({
      task,
      model,
      seeds: tunings.map(({ seed }) => seed),
    }));
    session.renderer.result({ name, experiments, notes, report }, report);
  });
}
