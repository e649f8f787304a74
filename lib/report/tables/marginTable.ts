// What other margins would choose.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote, quantity } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function marginTable(results: ExperimentResults): ReportTable {
  const { selection, labels } = results;
  const divided = selection.verdicts?.some(({ plain, adjusted }) => plain.level !== adjusted.level);
  const bound = `the ${divided ? "adjusted " : ""}upper bound of the difference`;
  const by = selection.rule.by === "upper" ? bound : "the measured difference";
  return {
    id: "margins",
    caption: "What other margins would choose",
    data: dataOf(results, "validation"),
    head: ["margin", "choice", labels.score, labels.asr],
    rows: selection.margins.map(({ margin, choice: { candidate } }) =>
      candidate === null
        ? [String(margin), "nothing qualifies", "", ""]
        : [String(margin), nameOf(candidate), quantity(candidate.score), quantity(candidate.asr)],
    ),
    note: `The rate may be above the aligned model's by the margin; ${by} counts. A margin that is chosen after a look at this table is exploratory. ${intervalsNote(results.validation)}`,
  };
}
