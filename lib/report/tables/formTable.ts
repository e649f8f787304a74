// The forms in which the merge ships, each beside the merge that was measured.

import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function formTable({ ship }: ExperimentResults): ReportTable {
  const forms = ship?.forms ?? [];
  return {
    id: "forms",
    caption: "What ships, beside what was measured",
    head: [
      "form",
      "folder",
      "verdict",
      "nats a token",
      "allowed",
      "top token the same",
      "answers the same",
      "cause",
      "bytes",
    ],
    rows: forms.map(({ name, path, bytes, behaviour }) => {
      const { verdict, tolerance, firstToken, sameTokens, answers, causes } = behaviour;
      const of = sameTokens ?? firstToken;
      const most = Math.max(firstToken?.klMean ?? 0, sameTokens?.klMean ?? 0);
      return [
        ...[name, path, verdict, of ? String(Number(most.toPrecision(2))) : "", String(tolerance)],
        of ? `${(100 * of.top1).toFixed(1)} %` : "",
        `${answers.same} of ${answers.compared}`,
        causes.map((one) => one.name).join(", "),
        bytes.toLocaleString("en"),
      ];
    }),
    note: "Greedy answers to items that chose lambda, and the distributions of their tokens: the larger mean KL divergence of the first token and of all tokens of the measured merge's answers. A form is different where it moves more than is allowed, or where its text, stop tokens or settings are others.",
  };
}
