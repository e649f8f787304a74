// The chosen merge beside the controls: other ways to change less than the fine-tuned model.

import { dataOf } from "../dataNames.js";
import { pText, signed } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function controlTable(results: ExperimentResults): ReportTable {
  const { controls, labels, testLabels = labels } = results;
  const comparisons = controls?.comparisons ?? [];
  return {
    id: "controls",
    caption: `At equal task score: ${testLabels.asr}, merge - control`,
    data: dataOf(results, "test"),
    head: ["control", "where", "merge - control", "p, Holm", "items"],
    rows: comparisons.map(({ name, at, difference, low, high, newLow, newHigh, pHolm, items }) => {
      const fresh =
        newLow === undefined || newHigh === undefined ? "" : `; new tuning ${signed(newLow)} to ${signed(newHigh)}`;
      return [
        ...[name, at, `${signed(difference)} (${signed(low)} to ${signed(high)}${fresh})`],
        ...[pHolm === undefined ? "" : pText(pHolm), String(items)],
      ];
    }),
    note: "In pairs on the same items, with 95 % intervals. Below 0: the merge loses fewer refusals than the control.",
    reasons: comparisons.map(({ sentence }) => sentence),
  };
}
