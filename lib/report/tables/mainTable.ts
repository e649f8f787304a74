// What became of the models: aligned, fine-tuned, and the merge that was chosen.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults, Measured } from "../types.js";
import { modelColumns } from "./modelColumns.js";
import type { ReportTable } from "./reportTable.js";

export function mainTable(results: ExperimentResults): ReportTable {
  const { test } = results;
  const merged = overallOf(results);
  const models: [string, Measured][] = [
    ...(test.unaligned ? [["unaligned", test.unaligned] as [string, Measured]] : []),
    ["aligned", test.aligned],
    ["fine-tuned", test.tuned],
    ...(merged ? [[`merged: ${nameOf(merged)}`, merged] as [string, Measured]] : []),
  ];
  const { head, of, note } = modelColumns(
    results.testLabels ?? results.labels,
    models.map(([, model]) => model),
  );
  return {
    id: "q1",
    caption: "Does merging keep the task and the safety?",
    data: dataOf(results, "test"),
    head: ["model", ...head],
    rows: models.map(([name, model]) => [name, ...of(model)]),
    note: `${intervalsNote(results.validation)}${note}`,
  };
}
