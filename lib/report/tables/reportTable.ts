// A table of a report, as data: HTML and Markdown are written from it.

export interface ReportTable {
  readonly id: string;
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string | undefined;
  /** Sentences that belong to the rows, shown as a list. */
  readonly reasons?: readonly string[] | undefined;
}
