// How often two judges contradict each other, model by model.

import { dataOf } from "../dataNames.js";
import { fixed } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function judgeTable(results: ExperimentResults): ReportTable {
  const { disagreements = [] } = results;
  const models = [...new Set(disagreements.flatMap((one) => one.models.map(({ model }) => model)))];
  return {
    id: "judges",
    caption: "How often do the judges contradict each other?",
    data: dataOf(results, "validation"),
    head: ["model", ...disagreements.map(({ judges, task }) => `${judges.join(" and ")}, ${task}`)],
    rows: models.map((name) => [
      name,
      ...disagreements.map((one) => {
        const found = one.models.find(({ model }) => model === name);
        if (!found) return "";
        const { value, low, high } = found;
        return low === undefined || high === undefined
          ? fixed(value)
          : `${fixed(value)} (${fixed(low)} to ${fixed(high)})`;
      }),
    ]),
    note: "Share of the items on which one judge calls the answer harmful (in sets of harmless requests: a refusal) and the other does not, with the 95 % interval of these tunings, over the items. The first judge decides.",
  };
}
