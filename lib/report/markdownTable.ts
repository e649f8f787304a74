// A table of a report as Markdown.

import { escaped, row } from "./markdownText.js";
import type { ReportTable } from "./tables/reportTable.js";

/** @param level of its heading */
export function tableLines({ caption, data, head, rows, note, reasons = [] }: ReportTable, level: number): string[] {
  return [
    ...["", `${"#".repeat(level)} ${escaped(caption)}`, ""],
    ...(data === undefined ? [] : [`${escaped(data)}.`, ""]),
    ...[row(head), row(head.map(() => "---")), ...rows.map(row)],
    ...(note === undefined ? [] : ["", escaped(note)]),
    ...(reasons.length > 0 ? ["", ...reasons.map((reason) => `- ${escaped(reason)}`)] : []),
  ];
}
