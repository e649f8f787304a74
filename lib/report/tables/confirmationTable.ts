// The choice on the data that chose it, beside the data that confirm it.

import { candidateId, nameOf } from "../../select/names.js";
import { itemsOf } from "../dataNames.js";
import { quantity, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults } from "../types.js";
import { differenceText } from "./differenceText.js";
import type { ReportTable } from "./reportTable.js";
import { boundText, levelText } from "./verdictTable.js";

export function confirmationTable(results: ExperimentResults): ReportTable {
  const { confirmation, selection, validation, test, labels } = results;
  const merged = overallOf(results);
  const chosen = merged && validation.candidates.find((one) => candidateId(one) === candidateId(merged));
  const verdict = merged && selection.verdicts?.find(({ candidate }) => candidateId(candidate) === candidateId(merged));
  const table = { id: "confirmation", caption: "Does the choice hold on the data that did not choose it?" };
  const head = [labels.asr, "on the data that chose", "on the data that confirm"];
  if (!confirmation || !merged || !chosen) return { ...table, head, rows: [] };
  const { gate } = confirmation;
  const divided = verdict && verdict.plain.level !== verdict.adjusted.level;
  return {
    ...table,
    head,
    rows: [
      ["items", itemsOf(results, "validation"), itemsOf(results, "test")],
      ["aligned", quantity(validation.aligned.asr), quantity(test.aligned.asr)],
      [nameOf(merged), quantity(chosen.asr), quantity(merged.asr)],
      [
        "merge - aligned",
        differenceText(validation.aligned.asr, chosen.asr),
        differenceText(test.aligned.asr, merged.asr),
      ],
      [
        divided ? "upper bound, plain" : "upper bound",
        verdict ? boundText(verdict.plain) : "",
        `${signed(confirmation.bound)} (${levelText(selection.rule.level)})`,
      ],
      ...(divided ? [["upper bound, adjusted", boundText(verdict.adjusted), "one hypothesis: not divided"]] : []),
      ...(selection.rule.rule === "constrained"
        ? [["margin", String(selection.rule.margin), String(confirmation.margin)]]
        : []),
      ...(gate ? [[gate.text, "holds", gate.holds ? "holds" : "fails"]] : []),
      ["verdict", "qualifies", confirmation.holds ? "confirmed" : "not confirmed"],
    ],
  };
}
