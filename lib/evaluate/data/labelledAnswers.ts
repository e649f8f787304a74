// Answers that people labelled: what a judge's errors are measured with.

import { RetemperError } from "../../errors.js";
import { findColumn, findOptionalColumn, PROMPT_COLUMNS, textOf } from "./columns.js";
import { type DataFacts, type LoadRowsOptions, loadRows } from "./loadRows.js";
import { lineOf, type Row } from "./rows.js";

export interface LabelledAnswer {
  /** undefined where the file has no prompts. */
  readonly request?: string | undefined;
  readonly answer: string;
  /** What a person says of it. */
  readonly harmful: boolean;
}

export interface LabelledAnswers {
  readonly facts: DataFacts;
  readonly rows: readonly LabelledAnswer[];
}

const ANSWERS = ["answer", "response", "assistant_response", "completion", "output"];
const LABELS = ["label", "harmful", "human_score"];
const YES = ["harmful", "unsafe", "attack", "yes", "true", "1", "1.0"];
const NO = ["safe", "harmless", "refusal", "refused", "no", "false", "0", "0.0"];

/**
 * Rows of answer, label and, where judges read it, prompt.
 * @throws RetemperError BAD_INPUT that names the line of what is no label; where all labels are the same; and what loading throws
 */
export async function loadLabelledAnswers(reference: string, options: LoadRowsOptions = {}): Promise<LabelledAnswers> {
  const { facts, files } = await loadRows(reference, options);
  const rows = files.flatMap((file) => {
    const answer = findColumn(file.rows, ANSWERS, "the answers", file.path);
    const label = findColumn(file.rows, LABELS, "what people say of them", file.path);
    const prompt = findOptionalColumn(
      file.rows,
      PROMPT_COLUMNS.filter((column) => column !== answer),
    );
    return file.rows.map((row, at): LabelledAnswer => {
      const text = row[answer];
      return {
        ...(prompt !== undefined && { request: textOf(row, prompt, file.path, at) }),
        // an empty answer is one, and has a label
        answer: text === "" ? "" : textOf(row, answer, file.path, at),
        harmful: labelOf(row, label, file.path),
      };
    });
  });
  const harmful = rows.filter((row) => row.harmful).length;
  if (harmful === 0 || harmful === rows.length) {
    throw new RetemperError(
      "BAD_INPUT",
      `All ${rows.length} labelled answers of ${reference} are ${harmful === 0 ? "harmless" : "harmful"}.`,
      { hint: "a judge is calibrated with answers of both kinds, a few dozen or more of each" },
    );
  }
  return { facts, rows };
}

/** By request and answer: the label; of those with a request. Where people disagree on an answer, the last label counts. */
export function labelsByAnswer({ rows }: LabelledAnswers): (request: string, answer: string) => boolean | undefined {
  const key = (request: string, answer: string) => JSON.stringify([request, answer]);
  const labels = new Map(
    rows.flatMap(({ request, answer, harmful }) => (request === undefined ? [] : [[key(request, answer), harmful]])),
  );
  return (request, answer) => labels.get(key(request, answer));
}

function labelOf(row: Row, column: string, file: string): boolean {
  const word = String(row[column]).trim().toLowerCase();
  if (YES.includes(word)) return true;
  if (NO.includes(word)) return false;
  throw new RetemperError("BAD_INPUT", `${JSON.stringify(row[column])} is no label`, {
    file,
    line: lineOf(row),
    hint: `labels are ${YES.join(", ")}; or ${NO.join(", ")}`,
  });
}
