// Which method: what each one alone would choose, and how that fares on the data that confirm.

import { candidateId, placeText } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote, percent } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import { modelColumns } from "./modelColumns.js";
import type { ReportTable } from "./reportTable.js";
import { straightNote } from "./straightNote.js";

export function methodTable(results: ExperimentResults): ReportTable {
  const { selection, validation, test } = results;
  // in the order of the curves and of their key
  const order = [...new Set(validation.candidates.map(({ method }) => method))];
  const choices = order.flatMap((method) => {
    const choice = selection.methods[method];
    return choice ? [{ method, ...choice }] : [];
  });
  const { head, of, note } = modelColumns(results.testLabels ?? results.labels, test.chosen);
  const rows = choices.map(({ method, candidate }) => {
    if (candidate === null) return [method, "nothing qualifies", ...head.map(() => ""), ""];
    const measured = test.chosen.find((one) => candidateId(one) === candidateId(candidate));
    const { straightShare } = measured ?? {};
    return [
      method,
      placeText(candidate),
      ...(measured ? of(measured) : head.map(() => "")),
      straightShare === undefined ? "" : percent(straightShare),
    ];
  });
  return {
    id: "q2",
    caption: "Which method? Each one's own choice",
    data: dataOf(results, "test"),
    head: ["method", "lambda", ...head, "straight lines"],
    rows,
    reasons: choices.map(({ sentence }) => sentence),
    note: `${intervalsNote(results.validation)}${note}${straightNote(test.chosen)}`,
  };
}
