// Lambdas that were asked between two of the grid, once the grid's choice was known.

import { dataOf } from "../dataNames.js";
import { intervalsNote } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import { modelColumns } from "./modelColumns.js";
import type { ReportTable } from "./reportTable.js";
import { notMeasured } from "./verdictTable.js";

export function refinedTable(results: ExperimentResults): ReportTable {
  const points = results.refined?.points ?? [];
  const { head, of, note } = modelColumns(results.labels, points);
  return {
    id: "refined",
    caption: "Between the grid's choice and its next lambda",
    data: dataOf(results, "validation"),
    head: ["lambda", ...head],
    rows: points.map((one) => [
      String(one.lambda),
      ...(one.unfinished ? [notMeasured(one), ...head.slice(1).map(() => "")] : of(one)),
    ]),
    note: `${intervalsNote(results.validation)}${note}`,
  };
}
