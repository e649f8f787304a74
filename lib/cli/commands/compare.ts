// `retemper compare A B`: two evaluations on the same items, with how sure the difference is.

import type { Command } from "commander";
import { compare, readResults } from "../../index.js";
import { alarmText } from "../alarmText.js";
import { comparisonTable } from "../evaluationTable.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
Items are paired by task, id and prompt. Where a metric is yes or no, p is that of McNemar's exact test, and the interval of the
difference Tango's; else both are those of a paired bootstrap over items. Several tests have Holm's adjusted p beside their own.

Examples:
  retemper compare results/aligned results/merged
  retemper compare aligned/results.json merged/results.json --json | jq .result.tasks`;

export function addCompareCommand(program: Command, session: Session): Command {
  const command = program
    .command("compare")
    .summary("the difference between two evaluations, on the same items")
    .description("Compares two results of retemper evaluate item by item.")
    .argument("<a>", "results.json of an evaluation, or its folder")
    .argument("<b>", "the same of another one")
    .addHelpText("after", HELP);
  addCommonOptions(command);
  return command.action(async (a: string, b: string) => {
    const { renderer } = session;
    const comparison = compare(await readResults(a), await readResults(b));
    for (const warning of comparison.warnings) renderer.warn(warning);
    for (const [names, which] of [
      [comparison.onlyA, a],
      [comparison.onlyB, b],
    ] as const) {
      if (names.length > 0) renderer.note(`only in ${which}: ${names.join(", ")}`);
    }
    renderer.result(comparison, comparisonTable(comparison) + alarmText(comparison.alarms));
  });
}
