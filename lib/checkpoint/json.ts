// JSON files of model folders (config.json, index, adapter_config.json), read as if they were hostile: limited size and
// depth, never a FIFO, and errors with line and column that say what the file really is.

import { basename } from "node:path";
import { RetemperError } from "../errors.js";
import { readAtMost } from "../files/readAtMost.js";
import { fileError } from "./modelFolder.js";
import { parseWithInfinity } from "./numberText.js";

export type JsonObject = Readonly<Record<string, unknown>>;

/** config.json and its like take kilobytes; a million-tensor index takes about 100 MB. */
export const CONFIG_LIMIT = 16 * 1024 * 1024;
export const INDEX_LIMIT = 256 * 1024 * 1024;
const MAX_DEPTH = 200;

/**
 * Reads a file that must hold one JSON object.
 * @param limit largest size in bytes
 * @throws RetemperError BAD_INPUT with line and column, or IO.
 */
export async function readJsonObject(path: string, limit = CONFIG_LIMIT): Promise<JsonObject> {
  return parseObject(path, await readText(path, limit));
}

/**
 * Parses the text of a file that must hold one JSON object.
 * @param infinity also accept NaN and Infinity, as Python writes them
 * @throws RetemperError BAD_INPUT with line and column.
 */
export function parseObject(path: string, text: string, { infinity = false } = {}): JsonObject {
  let value: unknown;
  try {
    value = infinity && /Infinity|NaN/.test(text) ? parseWithInfinity(text) : JSON.parse(text);
  } catch (error) {
    throw notJson(path, text, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RetemperError("BAD_INPUT", "expected a JSON object", { file: path, line: 1, column: 1 });
  }
  checkDepth(path, text);
  return value as JsonObject;
}

/** A regular file as UTF-8 text. */
export async function readText(path: string, limit: number): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readAtMost(path, { most: limit, what: `a ${basename(path)}` });
  } catch (error) {
    throw error instanceof RetemperError ? error : fileError(error, path);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const what = looksLike(bytes.toString("latin1", 0, 64));
    throw new RetemperError("BAD_INPUT", what ? `this is ${what}, not JSON` : "the text is not valid UTF-8", {
      file: path,
      cause,
    });
  }
}

function notJson(path: string, text: string, error: unknown): RetemperError {
  const what = looksLike(text);
  if (what) {
    return new RetemperError("BAD_INPUT", `this is ${what}, not JSON`, {
      file: path,
      hint: "Download the model's files again (with Git: git lfs pull).",
    });
  }
  const before = text.slice(0, jsonErrorOffset(text)).split("\n");
  return new RetemperError("BAD_INPUT", `not valid JSON: ${reasonOf(error)}`, {
    file: path,
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    cause: error,
  });
}

/** What a file is that pretends to be another, from its first bytes. */
function looksLike(start: string): string | undefined {
  if (start.startsWith("version https://git-lfs")) return "a Git LFS pointer";
  if (/^\s*<(!doctype|html|head|\?xml)/i.test(start.slice(0, 200))) return "a web page";
  if (start.startsWith("PK\x03\x04")) return "a zip archive (a PyTorch pickle?)";
  if (start.charCodeAt(0) === 0x80 && start.charCodeAt(1) <= 5) return "a Python pickle";
  return undefined;
}

/** V8's reason without the quoted text and the offset. */
function reasonOf(error: unknown): string {
  return String((error as Error).message).replace(
    /, (\.\.\.)?".*" is not valid JSON$|( in JSON)? at position \d+.*$/s,
    "",
  );
}

function checkDepth(file: string, text: string): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      for (i++; text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) throw new RetemperError("BAD_INPUT", `nested deeper than ${MAX_DEPTH} levels`, { file });
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in its strings
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const OTHER_SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Offset of the first character that cannot belong to a JSON text; its length where it just ends too early. */
export function jsonErrorOffset(text: string): number {
  const open: string[] = [];
  let expect: "value" | "firstValue" | "key" | "firstKey" | "colon" | "next" = "value";
  let at = 0;
  for (;;) {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = Math.max(at, SPACE.lastIndex);
    const c = text[at];
    if (c === undefined) return at;
    if (expect === "next" && open.length === 0) return at;
    const closes = c === (open.at(-1) === "{" ? "}" : "]") && open.length > 0;
    if (closes && (expect === "next" || expect === "firstKey" || expect === "firstValue")) {
      open.pop();
      expect = "next";
      at++;
    } else if (expect === "next") {
      if (c !== ",") return at;
      expect = open.at(-1) === "{" ? "key" : "value";
      at++;
    } else if (expect === "colon") {
      if (c !== ":") return at;
      expect = "value";
      at++;
    } else if (expect !== "key" && expect !== "firstKey" && (c === "{" || c === "[")) {
      open.push(c);
      expect = c === "{" ? "firstKey" : "firstValue";
      at++;
    } else {
      const isKey: boolean = expect === "key" || expect === "firstKey";
      const end = isKey || c === '"' ? stringEnd(text, at) : endOf(OTHER_SCALAR, text, at);
      if (end === undefined) return at;
      at = end;
      expect = isKey ? "colon" : "next";
    }
  }
}

/** Piece by piece: one pattern for a whole string would need stack for every escape in it. */
function stringEnd(text: string, start: number): number | undefined {
  if (text[start] !== '"') return undefined;
  let at: number | undefined = start + 1;
  while (at !== undefined) {
    at = endOf(PLAIN, text, at) ?? at;
    if (text[at] === '"') return at + 1;
    at = endOf(ESCAPE, text, at);
  }
  return undefined;
}

/** Where a sticky pattern that matches at `start` ends. */
function endOf(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
