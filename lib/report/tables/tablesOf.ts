// The report's tables as plain data, by name, which both of its forms show.

import type { ExperimentCosts, ExperimentResults } from "../types.js";
import { axisTable, wholeFrontTable } from "./axisTables.js";
import { besideLinearTables } from "./besideLinearTable.js";
import { confirmationTable } from "./confirmationTable.js";
import { controlTable } from "./controlTable.js";
import { costTable, stepTable } from "./costTables.js";
import { curveTable } from "./curveTable.js";
import { formTable } from "./formTable.js";
import { judgeTable } from "./judgeTable.js";
import { mainTable } from "./mainTable.js";
import { marginTable } from "./marginTable.js";
import { methodTable } from "./methodTable.js";
import { metricTable } from "./metricTable.js";
import { dataTable, outputTable, provenanceTable } from "./originTables.js";
import { agreementTable, proxyTable } from "./proxyTables.js";
import { refinedTable } from "./refinedTable.js";
import { type ReportTable, withoutEmptyColumns } from "./reportTable.js";
import { categoryTable, setTable } from "./safetyTables.js";
import { pairedTable, trendTable } from "./testTables.js";
import { variantTable } from "./variantTable.js";
import { verdictTable } from "./verdictTable.js";
import { weightsTable } from "./weightsTable.js";

/** Those that have something to say, without columns that have not. */
export function tablesOf(results: ExperimentResults, costs: ExperimentCosts): ReadonlyMap<string, ReportTable> {
  const tables = [
    ...[mainTable, confirmationTable, methodTable, verdictTable, curveTable, setTable, variantTable, marginTable].map(
      (of) => of(results),
    ),
    ...[categoryTable, metricTable, pairedTable, trendTable, controlTable, refinedTable, judgeTable].map((of) =>
      of(results),
    ),
    ...besideLinearTables(results),
    ...[axisTable, wholeFrontTable, dataTable, outputTable, formTable, weightsTable, provenanceTable].map((of) =>
      of(results),
    ),
    ...[agreementTable, proxyTable].map((of) => of(results)),
    ...[costTable, stepTable].map((of) => of(costs)),
  ];
  const filled = tables.filter(({ rows }) => rows.length > 0).map(withoutEmptyColumns);
  return new Map(filled.map((one) => [one.id, one]));
}
