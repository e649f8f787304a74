// What reading a text gives: its values with their places, or an error with a place.

export type Path = readonly PropertyKey[];

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface LocatedDocument {
  readonly value: unknown;
  /** Where the value at a path stands, or its key; the nearest enclosing value if there is none. */
  locate(path: Path, part?: "key" | "value"): Position | undefined;
}

/** The text is not a document that can be read; `at` says where. */
export class DocumentError extends Error {
  readonly at: Position | undefined;
  readonly hint: string | undefined;
  constructor(message: string, at?: Position, hint?: string) {
    super(message);
    this.at = at;
    this.hint = hint;
  }
}
