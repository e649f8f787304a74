// From rows of any of the usual forms to conversations or token ids: what is wrong with a row is found here, with its place.

import { RetemperError } from "../../errors.js";
import { conversationOf, type Place } from "../../evaluate/data/conversation.js";
import { loadRows } from "../../evaluate/data/loadRows.js";
import { lineOf, type Row } from "../../evaluate/data/rows.js";
import type { ChatMessage } from "../../tokenizer/types.js";
import type { TuneRow } from "../types.js";

export type Sample =
  | { readonly kind: "ids"; readonly ids: readonly number[]; readonly promptLength: number; readonly place: Place }
  | { readonly kind: "messages"; readonly messages: readonly ChatMessage[]; readonly place: Place };

/**
 * The rows of a file (CSV, JSON, JSON lines, Parquet), a folder or a data set, or those that the caller has.
 * @throws RetemperError BAD_INPUT that names the row which is empty or of no known form
 */
export async function readSamples(data: string | readonly TuneRow[], system: string | undefined): Promise<Sample[]> {
  if (typeof data !== "string") {
    if (!Array.isArray(data) || data.length === 0) throw new RetemperError("BAD_INPUT", "There are no rows to learn.");
    return data.map((row, i) => sampleOf(row as unknown as Row, { what: `row ${i + 1}` }, system));
  }
  const { files } = await loadRows(data);
  return files.flatMap(({ path, rows }) =>
    rows.map((row, i) => {
      const line = lineOf(row);
      return sampleOf(row, { what: line === undefined ? `row ${i + 1}` : "this row", file: path, line }, system);
    }),
  );
}

function sampleOf(row: Row, place: Place, system: string | undefined): Sample {
  if (typeof row !== "object" || row === null) throw bad(place, "is no object");
  const ids = row.input_ids ?? row.inputIds;
  if (ids !== undefined) return idsOf(ids, row.prompt_length ?? row.promptLength, place);
  const messages = conversationOf(row, place);
  if (system === undefined || messages[0]?.role === "system") return { kind: "messages", messages, place };
  return { kind: "messages", messages: [{ role: "system", content: system }, ...messages], place };
}

function idsOf(ids: unknown, promptLength: unknown, place: Place): Sample {
  const list = ArrayBuffer.isView(ids) ? Array.from(ids as Int32Array) : ids;
  if (!Array.isArray(list) || list.length === 0 || !list.every((id) => Number.isSafeInteger(id) && id >= 0)) {
    throw bad(place, "has input_ids that are no list of token ids");
  }
  const length = typeof promptLength === "bigint" ? Number(promptLength) : (promptLength ?? 0);
  if (!Number.isSafeInteger(length) || (length as number) < 0) throw bad(place, "has a prompt_length that is no count");
  if ((length as number) >= list.length) throw bad(place, "has no ids after its prompt: nothing to learn");
  return { kind: "ids", ids: list, promptLength: length as number, place };
}

function bad({ what, file, line }: Place, fault: string): RetemperError {
  const forms = "Rows have instruction, input and output; prompt and response; messages or conversations; or input_ids";
  return new RetemperError("BAD_INPUT", `${what} ${fault}`, { file, line, hint: `${forms} and prompt_length.` });
}
