// `retemper compare A B`: two evaluations on the same items, with how sure the difference is.

import type { Command } from "commander";
import { compare, type Results, RetemperError, readLambdaResults, readResults } from "../../index.js";
import { alarmText } from "../alarmText.js";
import { comparisonTable } from "../evaluationTable.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
Items are paired by task, id and prompt. Where a metric is yes or no, p is that of McNemar's exact test, and the interval of the
difference Tango's; else both are those of a paired bootstrap over items. Several tests have Holm's adjusted p beside their own.
The --out of evaluate --lambda is compared at each of its lambdas (Holm's p is then of the tests at one lambda); two of them, at the
lambdas that both have.

Examples:
  retemper compare results/aligned results/merged
  retemper compare aligned/results.json merged/results.json --json | jq .result.tasks`;

export function addCompareCommand(program: Command, session: Session): Command {
  const command = program
    .command("compare")
    .summary("the difference between two evaluations, on the same items")
    .description("Compares two results of retemper evaluate item by item.")
    .argument("<a>", "results.json of an evaluation, its folder, or that of evaluate --lambda")
    .argument("<b>", "the same of another one")
    .addHelpText("after", HELP);
  addCommonOptions(command);
  return command.action(async (a: string, b: string) => {
    const { renderer } = session;
    const [ofA, ofB] = [await readLambdaResults(a), await readLambdaResults(b)];
    const pairs = pairsOf(ofA ?? [await readResults(a)], ofB ?? [await readResults(b)], ofA && ofB);
    if (pairs.length === 0) {
      throw new RetemperError("BAD_INPUT", "The two folders have no lambda in common.", {
        hint: `${a} has ${lambdasOf(ofA)}, ${b} has ${lambdasOf(ofB)}`,
      });
    }
    const all = pairs.map(([one, other]) => compare(one, other));
    for (const warning of new Set(all.flatMap(({ warnings }) => warnings))) renderer.warn(warning);
    for (const [names, which] of [
      [all.flatMap(({ onlyA }) => onlyA), a],
      [all.flatMap(({ onlyB }) => onlyB), b],
    ] as const) {
      if (names.length > 0) renderer.note(`only in ${which}: ${[...new Set(names)].join(", ")}`);
    }
    const several = ofA !== undefined || ofB !== undefined;
    const text = all.map((comparison) => {
      const shown = comparisonTable(comparison) + alarmText(comparison.alarms);
      const lambda = comparison.b.lambda ?? comparison.a.lambda;
      return several ? `lambda ${lambda}\n${shown}` : shown;
    });
    renderer.result(several ? all : all[0], text.join("\n\n"));
  });
}

/** One evaluation with each of a folder's; of two folders, those of the same lambda. */
function pairsOf(a: readonly Results[], b: readonly Results[], byLambda: unknown): (readonly [Results, Results])[] {
  return a.flatMap((one) =>
    b.filter((other) => !byLambda || one.lambda === other.lambda).map((other) => [one, other] as const),
  );
}

function lambdasOf(results: readonly Results[] = []): string {
  return results.map(({ lambda }) => lambda).join(", ");
}
