// `retemper search`: coefficients by groups of layers, searched for without writing a merge.

import { join } from "node:path";
import type { Command } from "commander";
import { planSearch, RetemperError, search } from "../../index.js";
import { downloading } from "../downloading.js";
import { planText } from "../planText.js";
import { endedText, shownProgress } from "../runText.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
The experiment's \`search\` says what is searched and what may be spent, for example
  search: { by: kinds, layers: 4, candidates: 100, seed: 0 }
and its rule (constrained) what a merge must keep. CMA-ES, and coefficients learned by gradient
on a few rows, are compared with as many points at random and with the plain lambda.
What the experiment chooses by is halved: to search by, and to choose by; what it confirms by confirms. OUT gets search.json,
search.md, search.html with the front of all candidates, and recipes/ with a recipe for each choice and tuning. A search that was stopped goes on; with --store it uses the
answers of a run. Exit code 10 where nothing holds.

Examples:
  retemper search experiment.yml --plan                           # what is there, what remains; with --json for programs
  retemper search experiment.yml --out searched
  retemper search experiment.yml --out searched --store results   # what retemper run asked is not asked again
  retemper merge searched/recipes/cma-es-seed-42.yml merged`;

interface SearchFlags {
  readonly out: string;
  readonly store?: string;
  readonly plan?: boolean;
}

export function addSearchCommand(program: Command, session: Session): Command {
  const command = program
    .command("search")
    .summary("coefficients by groups of layers under the experiment's rule, without writing a merge")
    .description("Searches for a merge with a coefficient for each group of layers.")
    .argument("[experiment]", "the experiment's file; retemper init writes one", "experiment.yml")
    .addHelpText("after", HELP)
    .option("--out <folder>", "where results and recipes go", "searched")
    .option("--store <folder>", "a folder that keeps answers, such as a run's; OUT by default")
    .option("--plan", "check everything, show what is there and what remains, and exit");
  addCommonOptions(command);
  return command.action(async (file: string, { out, store, plan }: SearchFlags) => {
    const { renderer, signal } = session;
    if (plan) {
      const planned = await planSearch(file, out, { signal, store, hub: downloading(session) });
      renderer.result(planned, planText(planned));
      return;
    }
    session.goesOnWith({});
    const results = await search(file, out, {
      ...{ signal, store, hub: downloading(session) },
      onStep: (step) => renderer.note(step),
      onNote: (text) => renderer.note(text),
      onProgress: (progress) => renderer.progress(shownProgress(progress)),
      onStepEnd: (ended) => renderer.ended({ event: "step", ...ended }, endedText(ended)),
    });
    const { choices, best } = results;
    const page = join(out, "search.html");
    const shown = { choices, tests: results.tests, ...(best !== undefined && { best }), costs: results.costs, page };
    if (best === undefined) {
      renderer.answerBeforeError(shown, page);
      const why = choices.length === 0 ? "no candidate qualifies" : "no choice holds on the confirming set";
      throw new RetemperError("GATE", `Nothing to ship: ${why}.`, {
        hint: `${page} has every number; another margin, more items or more candidates may do`,
      });
    }
    const recipes = choices.find(({ way }) => way === best)?.recipes ?? [];
    renderer.result(shown, [...recipes.map(({ path }) => join(out, path)), page].join("\n"));
  });
}
