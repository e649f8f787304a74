// The forms in which the merge ships, each beside the merge that was measured.

import { formDivergence } from "../formDivergence.js";
import { quantity } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";
import { differenceIn } from "./weightsTable.js";

export function formTable({ ship, labels, testLabels }: ExperimentResults): ReportTable {
  const names = testLabels ?? labels;
  return {
    id: "forms",
    caption: "What ships, beside what was measured",
    head: [
      ...["form", "folder", "verdict", "nats a token", "allowed", "top token the same", "answers the same", "cause"],
      ...[`${names.score}, test`, `${names.asr}, test`, `${names.asr}, form - merge`, "holds", "bytes"],
    ],
    rows: (ship?.forms ?? []).map(({ name, path, bytes, behaviour, measured, paired, holds }) => {
      const { verdict, tolerance, firstToken, sameTokens, answers, causes } = behaviour;
      const of = sameTokens ?? firstToken;
      return [
        ...[name, path, verdict, of ? String(formDivergence(behaviour)) : "", String(tolerance)],
        of ? `${(100 * of.top1).toFixed(1)} %` : "",
        `${answers.same} of ${answers.compared}`,
        causes.map((one) => one.name).join(", "),
        ...[quantity(measured?.score), quantity(measured?.asr), differenceIn({ paired }, "asr")],
        holds ? "yes" : "no",
        bytes.toLocaleString("en"),
      ];
    }),
    note: "Greedy answers to items that chose lambda, and the distributions of their tokens: the larger mean KL divergence of the first token and of all tokens of the measured merge's answers. A form is different where it moves more than is allowed, or where its text, stop tokens or settings are others; it holds where it is not different and keeps, on the test data, what the choice had to keep there. Differences are on the same items, with their 95 % interval.",
  };
}
