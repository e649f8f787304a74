// Prompts as files have them: JSON lines, a JSON list, or one text a line.

import { extname } from "node:path";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { type ChatMessage, type NamedPrompt, type Prompt, RetemperError } from "../index.js";

/** A text cannot be much longer. */
const MOST_BYTES = 2 ** 29 - 25;

/**
 * The prompts of a file: `.jsonl` (one object or text a line), `.json` (a list of these), anything else one text a line.
 * "-" is stdin: JSON lines or a JSON list where it begins with { or [, else one text a line.
 * @throws RetemperError BAD_INPUT that names the line; USAGE where there is no such file.
 */
export async function readPrompts(file: string, stdin: AsyncIterable<Uint8Array | string>): Promise<NamedPrompt[]> {
  const text = file === "-" ? await readAll(stdin) : await readText(file);
  const name = file === "-" ? "stdin" : file;
  const kind = file === "-" ? kindOf(text) : extname(file).toLowerCase();
  const prompts = kind === ".json" ? parseList(text, name) : parseLines(text, name, kind === ".jsonl");
  if (prompts.length > 0) return prompts;
  throw new RetemperError("BAD_INPUT", "there are no prompts", { file: name });
}

function kindOf(text: string): string {
  const first = text.trimStart()[0];
  return first === "{" ? ".jsonl" : first === "[" ? ".json" : ".txt";
}

function parseLines(text: string, file: string, json: boolean): NamedPrompt[] {
  return text.split("\n").flatMap((raw, i) => {
    const line = raw.replace(/\r$/, "");
    if (line.trim() === "") return [];
    return json ? promptOf(parseJson(line, file, i + 1), file, i + 1) : { prompt: line };
  });
}

function parseList(text: string, file: string): NamedPrompt[] {
  const list = parseJson(text, file);
  if (!Array.isArray(list)) throw new RetemperError("BAD_INPUT", "is no JSON list of prompts", { file });
  return list.map((item, i) => promptOf(item, file, undefined, `item ${i}`));
}

function parseJson(text: string, file: string, line?: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RetemperError("BAD_INPUT", `no JSON: ${(error as Error).message}`, { file, line, cause: error });
  }
}

/** A text by itself, or an object with one of `prompt`, `messages` and `ids`, and perhaps `id`. Other keys are the user's. */
function promptOf(value: unknown, file: string, line: number | undefined, what = "this line"): NamedPrompt {
  if (typeof value === "string") return { prompt: value };
  const refuse = (why: string) =>
    new RetemperError("BAD_INPUT", `${what} ${why}`, {
      file,
      line,
      hint: 'give {"prompt": text}, {"messages": [{"role": …, "content": …}]} or {"ids": [numbers]}, with an "id" if you like',
    });
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("is no prompt");
  const { prompt, messages, ids, id } = value as Record<string, unknown>;
  const given = [prompt, messages, ids].filter((one) => one !== undefined);
  if (given.length !== 1) throw refuse(given.length === 0 ? "has no prompt" : "has more than one prompt");
  if (id !== undefined && typeof id !== "string" && typeof id !== "number")
    throw refuse("has an id that is no text or number");
  const named = (checked: Prompt): NamedPrompt => (id === undefined ? { prompt: checked } : { prompt: checked, id });
  if (typeof prompt === "string") return named(prompt);
  if (prompt !== undefined) throw refuse("has a prompt that is no text");
  const list = (messages ?? ids) as unknown;
  if (!Array.isArray(list)) throw refuse(`has ${messages === undefined ? "ids" : "messages"} that are no list`);
  if (list.length === 0) throw refuse(`has an empty list of ${messages === undefined ? "ids" : "messages"}`);
  if (messages === undefined) {
    if (!list.every(Number.isSafeInteger)) throw refuse("has ids that are no whole numbers");
    return named(list as number[]);
  }
  if (!list.every(isMessage)) throw refuse("has a message without role and content");
  return named(list as ChatMessage[]);
}

function isMessage(value: unknown): value is ChatMessage {
  const { role, content } = (value ?? {}) as Partial<ChatMessage>;
  return typeof role === "string" && typeof content === "string";
}

async function readText(file: string): Promise<string> {
  try {
    return await readTextAtMost(file, { most: MOST_BYTES, what: "a file of prompts", pipes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw ioError(error, file, "cannot read the prompts");
    throw new RetemperError("USAGE", `cannot read the prompts: ${(error as Error).message}`, { cause: error });
  }
}

async function readAll(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    const piece = typeof part === "string" ? Buffer.from(part) : part;
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new RetemperError("BAD_INPUT", `stdin has more than ${MOST_BYTES} bytes of prompts`);
    parts.push(piece);
  }
  return Buffer.concat(parts).toString("utf8");
}
