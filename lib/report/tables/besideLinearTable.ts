// Every method beside the plain lambda, at equal task score and at equal safety.

import type { BesideLinear } from "../besideLinearTypes.js";
import { dataOf } from "../dataNames.js";
import { fixed, pText, signed } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

const VERDICTS = { better: "better", worse: "worse", "not shown": "no difference shown" } as const;

/** Two tables: one with the task's score equal, one with the rate. */
export function besideLinearTables(results: ExperimentResults): ReportTable[] {
  const { labels, testLabels = labels, besideLinear } = results;
  return (["score", "safety"] as const).map((equal) => {
    const rows = (besideLinear?.rows ?? []).filter((row) => row.equal === equal);
    const [same, other] = equal === "score" ? [testLabels.score, testLabels.asr] : [testLabels.asr, testLabels.score];
    return {
      id: `beside-linear-${equal}`,
      caption: `Beside the plain lambda, at equal ${same}: ${other}`,
      data: dataOf(results, "test"),
      head: [
        ...["method", "its merge", "plain, between", "merge", "plain", "merge - plain", "of a new tuning"],
        ...["p of a new tuning, Holm", "p, these tunings", "items", "verdict"],
      ],
      rows: rows.map(cellsOf),
      note: "Of each method the merge that stood best against the plain line on the data that chose, beside the line between two plain merges. In brackets 95 % intervals of these tunings, over the items, then of a new tuning, over seeds and items, with Holm's p over both tables. Verdicts are of a new tuning: a row without it tells of these tunings alone, as of one or two tunings and of merges of all tunings.",
    };
  });
}

function cellsOf(row: BesideLinear): string[] {
  const { method, point = "", between, merged, line, difference, low, high, newLow, newHigh, why } = row;
  if (difference === undefined) return [method, point, "", "", "", "", "", "", "", "", why ?? ""];
  const range = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? "" : `${signed(from)} to ${signed(to)}`;
  const p = (value: number | undefined) => (value === undefined ? "" : pText(value));
  return [
    ...[method, point, (between ?? []).join(" and "), fixed(merged as number), fixed(line as number)],
    ...[`${signed(difference)} (${range(low, high)})`, range(newLow, newHigh), p(row.newPHolm), p(row.p)],
    ...[String(row.items), row.verdict === undefined ? "of these tunings alone" : VERDICTS[row.verdict]],
  ];
}
