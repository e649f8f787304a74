// Columns of rows by name.

import { RetemperError } from "../../errors.js";
import { lineOf, type Row } from "./rows.js";

/** What published sets call the column with the prompt, the surest name first. */
export const PROMPT_COLUMNS = [
  ...["prompt", "goal", "Goal", "forbidden_prompt", "Behavior", "behavior", "instruction", "question", "query"],
  ...["Prompt", "Instruction", "Question", "text"],
];
/** What they call the column with a category. */
export const CATEGORY_COLUMNS = [
  ...["category", "Category", "SemanticCategory", "semantic_category", "risk_area", "type", "Type", "subject"],
];

/**
 * The first of `candidates` that every row has.
 * @throws RetemperError BAD_INPUT that lists the columns there are
 */
export function findColumn(rows: readonly Row[], candidates: readonly string[], what: string, file: string): string {
  const column = findOptionalColumn(rows, candidates);
  if (column !== undefined) return column;
  const there = [...new Set(rows.slice(0, 100).flatMap((row) => Object.keys(row)))];
  throw new RetemperError("BAD_INPUT", `no column holds ${what}: expected ${candidates.join(", ")}`, {
    file,
    hint: `the file has ${there.map((name) => JSON.stringify(name)).join(", ") || "no columns"}`,
  });
}

export function findOptionalColumn(rows: readonly Row[], candidates: readonly string[]): string | undefined {
  return candidates.find((name) => rows.every((row) => row[name] !== undefined && row[name] !== null));
}

/**
 * The text of a cell.
 * @throws RetemperError BAD_INPUT where it is none
 */
export function textOf(row: Row, column: string, file: string, index: number): string {
  const value = row[column];
  if (typeof value === "string" && value.trim() !== "") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  const what =
    value === undefined || value === null ? "is missing" : typeof value === "string" ? "is empty" : "is no text";
  throw new RetemperError("BAD_INPUT", `row ${index + 1}: ${JSON.stringify(column)} ${what}`, {
    file,
    line: lineOf(row),
  });
}
