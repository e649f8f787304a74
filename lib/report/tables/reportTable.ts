// A table of a report, as data: HTML and Markdown are written from it.

export interface ReportTable {
  readonly id: string;
  readonly caption: string;
  /** Which data its numbers are of: those that chose, or those that confirm. */
  readonly data?: string | undefined;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string | undefined;
  /** Sentences that belong to the rows, shown as a list. */
  readonly reasons?: readonly string[] | undefined;
}

/** Without the columns that are empty in every row; the first one names the rows, and stays. */
export function withoutEmptyColumns(table: ReportTable): ReportTable {
  const kept = table.head.map((_, at) => at === 0 || table.rows.some((row) => (row[at] ?? "") !== ""));
  const of = (cells: readonly string[]) => cells.filter((_, at) => kept[at]);
  return { ...table, head: of(table.head), rows: table.rows.map(of) };
}
