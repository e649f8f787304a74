// Rows of the usual forms as conversations: what training learns from, and what tasks ask and score.

import { RetemperError } from "../../errors.js";
import type { ChatMessage } from "../../generate/types.js";
import type { Row } from "./rows.js";

/** Where a row came from, for messages. */
export interface Place {
  readonly what: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

const TURNS = ["messages", "conversations", "conversation"];
const PROMPTS = ["prompt", "question", "query", "problem"];
const ANSWERS = ["response", "completion", "output", "answer", "solution"];
const OUTPUTS = ["output", "response", "answer"];

/** Whether a row has the columns of a conversation with an answer, whatever is in them. */
export function isConversation(row: Row): boolean {
  const has = (names: readonly string[]) => names.some((name) => row[name] !== undefined && row[name] !== null);
  return has(TURNS) || (has(["instruction"]) ? has(OUTPUTS) : has(PROMPTS) && has(ANSWERS));
}

/**
 * The turns of a row: OpenAI's messages, ShareGPT's conversations, Alpaca's three columns, or prompt and response. A column
 * `system` comes first.
 * @throws RetemperError BAD_INPUT that says what of the row is missing, empty or no text
 */
export function conversationOf(row: Row, place: Place): ChatMessage[] {
  const turns = row.messages ?? row.conversations ?? row.conversation;
  if (turns !== undefined) return turnsOf(turns, row, place);
  const begin: ChatMessage[] = [];
  if (typeof row.system === "string" && row.system !== "") begin.push({ role: "system", content: row.system });
  if (row.instruction !== undefined) {
    const input = typeof row.input === "string" && row.input.trim() !== "" ? `\n${row.input}` : "";
    const content = text(row, ["instruction"], place) + input;
    const answer = text(row, OUTPUTS, place);
    return [...begin, { role: "user", content }, { role: "assistant", content: answer }];
  }
  const content = text(row, PROMPTS, place);
  const answer = text(row, ANSWERS, place);
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
  const forms = "Rows have instruction, input and output; prompt and response; or messages or conversations.";
  return new RetemperError("BAD_INPUT", `${what} ${fault}`, { file, line, hint: `${more} ${forms}`.trim() });
}
