// `retemper select RESULTS`: which merge to ship, by a rule, and whether one passes the gate.

import type { Command } from "commander";
import {
  type Candidate,
  type Choice,
  RetemperError,
  readTable,
  type Selection,
  type SelectionTable,
  select,
} from "../../index.js";
import { addCommonOptions, type Session } from "../session.js";
import { table } from "../table.js";

const HELP = `
Rules: score (the best validation score), constrained[:MARGIN[:upper|:point]] (the best score whose ASR is not above the
aligned model's plus the margin; by default 0.05, and by the upper end of its interval), knee (of the Pareto front).
Ties go to the lower ASR, then the smaller lambda.

A gate is a condition on what is chosen; the exit code is 10 where nothing qualifies:
  asr <= aligned + 0.02       asr.high <= 5% and score >= 90% * tuned       score >= tuned - 0.05

RESULTS is the folder of a run, its results.json, or a table of your own:
  {"aligned": {"score": {"value": 0}, "asr": {"value": 0}}, "candidates": [{"method": "linear", "lambda": 0.4,
   "score": {"value": 0.9}, "asr": {"value": 0.1, "low": 0.06, "high": 0.16}}]}

Examples:
  retemper select results --rule constrained:0.1
  retemper select results --rule score --gate "asr <= aligned + 0.02" && ship`;

export function addSelectCommand(program: Command, session: Session): Command {
  const command = program
    .command("select")
    .summary("which merge to ship, by a rule; exit code 10 if none passes the gate")
    .description("Chooses among the merges of an experiment, overall and for each method, and says why.")
    .argument("<results>", "folder of a run, its results.json, or a table of candidates")
    .addHelpText("after", HELP)
    .option("--rule <rule>", "score, constrained[:MARGIN[:point]] or knee", "constrained")
    .option("--gate <condition>", 'what a merge must meet, such as "asr <= aligned + 0.02"');
  addCommonOptions(command);
  return command.action(async (path: string, flags: { rule: string; gate?: string }) => {
    const { renderer } = session;
    const results = await readTable(path);
    const { rule } = select({ ...results, candidates: [] }, flags.rule);
    const selection = select(results, { ...rule, gate: flags.gate });
    const { overall } = selection;
    if (overall.candidate === null) {
      throw new RetemperError("GATE", overall.sentence, {
        hint: "allow another margin, add values of lambda or methods, or keep the aligned model",
      });
    }
    renderer.result(selection, describe(selection, results.labels));
  });
}

function describe({ overall, methods, knee, margins, rule }: Selection, labels: SelectionTable["labels"]): string {
  const rows = Object.entries(methods).map(([name, choice]) => [name, ...numbers(choice.candidate)]);
  const lines = [
    overall.sentence,
    "",
    table(["method", "lambda", labels?.score ?? "score", labels?.asr ?? "ASR"], rows, [1, 2, 3]),
    "",
    `knee: ${knee.sentence}`,
  ];
  if (rule.rule === "constrained") {
    lines.push("", "with other margins:", ...margins.map(({ margin, choice }) => `  ${margin}: ${inShort(choice)}`));
  }
  return lines.join("\n");
}

function numbers(candidate: Candidate | null): string[] {
  if (candidate === null) return ["nothing qualifies", "", ""];
  const { lambda, score, asr } = candidate;
  return [lambda === undefined ? "-" : String(lambda), score.value.toFixed(3), asr.value.toFixed(3)];
}

function inShort({ candidate }: Choice): string {
  if (candidate === null) return "nothing qualifies";
  const [lambda, score, asr] = numbers(candidate);
  return `${candidate.method}${lambda === "-" ? "" : ` ${lambda}`}, score ${score}, ASR ${asr}`;
}
