// From rows of any of the usual forms to conversations or token ids: what is wrong with a row is found here, with its place.

import { RetemperError } from "../../errors.js";
import { loadRows } from "../../evaluate/data/loadRows.js";
import { lineOf, type Row } from "../../evaluate/data/rows.js";
import type { ChatMessage } from "../../tokenizer/types.js";
import type { TuneRow } from "../types.js";

/** Where a row came from, for messages. */
export interface Place {
  readonly what: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

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
  const messages = messagesOf(row, place);
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

/** OpenAI's messages, ShareGPT's conversations, Alpaca's three columns, or prompt and response. */
function messagesOf(row: Row, place: Place): ChatMessage[] {
  const turns = row.messages ?? row.conversations ?? row.conversation;
  if (turns !== undefined) return turnsOf(turns, row, place);
  const begin: ChatMessage[] = [];
  if (typeof row.system === "string" && row.system !== "") begin.push({ role: "system", content: row.system });
  if (row.instruction !== undefined) {
    const input = typeof row.input === "string" && row.input.trim() !== "" ? `\n${row.input}` : "";
    const content = text(row, ["instruction"], place) + input;
    const answer = text(row, ["output", "response", "answer"], place);
    return [...begin, { role: "user", content }, { role: "assistant", content: answer }];
  }
  const content = text(row, ["prompt", "question", "query", "problem"], place);
  const answer = text(row, ["response", "completion", "output", "answer", "solution"], place);
  return [...begin, { role: "user", content }, { role: "assistant", content: answer }];
}

const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  bot: "assistant",
};

function turnsOf(turns: unknown, row: Row, place: Place): ChatMessage[] {
  if (!Array.isArray(turns) || turns.length === 0) throw bad(place, "has messages that are no list of turns");
  const messages = turns.map((turn: Record<string, unknown> | null, i): ChatMessage => {
    const role = turn?.role ?? turn?.from;
    const content = turn?.content ?? turn?.value;
    if (typeof role !== "string" || typeof content !== "string") {
      throw bad(place, `has a turn ${i + 1} without a role and content of text`);
    }
    return { role: ROLES[role] ?? role, content };
  });
  if (typeof row.system === "string" && row.system !== "" && messages[0]?.role !== "system") {
    messages.unshift({ role: "system", content: row.system });
  }
  if (!messages.some(({ role, content }, i) => role === "assistant" && i > 0 && content.trim() !== "")) {
    throw bad(place, "has no answer of the assistant: nothing to learn");
  }
  return messages;
}

function text(row: Row, names: readonly string[], place: Place): string {
  const name = names.find((key) => row[key] !== undefined && row[key] !== null);
  if (name === undefined) {
    const there = Object.keys(row).map((key) => JSON.stringify(key));
    throw bad(place, `has no ${names[0]}`, `It has ${there.join(", ").slice(0, 300) || "no columns"}.`);
  }
  const value = row[name];
  if (typeof value !== "string") throw bad(place, `has a ${name} that is no text`);
  if (value.trim() === "") throw bad(place, `has an empty ${name}`);
  return value;
}

function bad({ what, file, line }: Place, fault: string, more = ""): RetemperError {
  return new RetemperError("BAD_INPUT", `${what} ${fault}`, {
    file,
    line,
    hint:
      `${more} Rows have instruction, input and output; prompt and response; messages or conversations; or input_ids ` +
      "and prompt_length.".trim(),
  });
}
