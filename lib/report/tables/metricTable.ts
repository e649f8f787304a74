// Every number of every model that was tested.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote, quantity } from "../numbers.js";
import type { ExperimentResults, Measured } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function metricTable(results: ExperimentResults): ReportTable {
  const { test } = results;
  const models: [string, Measured][] = [
    ...(test.unaligned ? [["unaligned", test.unaligned] as [string, Measured]] : []),
    ["aligned", test.aligned],
    ["fine-tuned", test.tuned],
    ...test.chosen.map((one): [string, Measured] => [nameOf(one), one]),
  ];
  return {
    id: "q4",
    caption: "Every number of every model",
    data: dataOf(results, "test"),
    head: ["metric", ...models.map(([name]) => name)],
    rows: Object.keys(test.aligned.metrics).map((metric) => [
      metric,
      ...models.map(([, { metrics }]) => quantity(metrics[metric])),
    ]),
    note: intervalsNote(results.validation),
  };
}
