// JSON files of model folders (config.json, index, adapter_config.json), read as if they were hostile: limited size and
// depth, never a FIFO, and errors with line and column that say what the file really is.

import { basename } from "node:path";
import { RetemperError } from "../errors.js";
import { readAtMost } from "../files/readAtMost.js";
import { fileError } from "./folderFiles.js";
import { jsonFault, MAX_DEPTH } from "./jsonFault.js";
import { madeText } from "./madeTexts.js";
import { parseWithInfinity } from "./numberText.js";

export type JsonObject = Readonly<Record<string, unknown>>;

/** config.json and its like take kilobytes; a million-tensor index takes about 100 MB. */
export const CONFIG_LIMIT = 16 * 1024 * 1024;
export const INDEX_LIMIT = 256 * 1024 * 1024;

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
  if (mayBeDeep(text) && isDeep(value)) throw notJson(path, text);
  return value as JsonObject;
}

/** A regular file as UTF-8 text. */
export async function readText(path: string, limit: number): Promise<string> {
  const made = madeText(path);
  if (made !== undefined) return made;
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

function notJson(path: string, text: string, error?: unknown): RetemperError {
  const what = looksLike(text);
  if (what) {
    return new RetemperError("BAD_INPUT", `this is ${what}, not JSON`, {
      file: path,
      hint: "Download the model's files again (with Git: git lfs pull).",
    });
  }
  const { deep, line, column } = jsonFault(text) ?? {};
  const message = deep ? `nested deeper than ${MAX_DEPTH} levels` : `not valid JSON: ${reasonOf(error)}`;
  return new RetemperError("BAD_INPUT", message, { file: path, line, column, cause: error });
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

/** Whether a text has enough brackets to be nested too deep; an index of a million tensors has three. */
function mayBeDeep(text: string): boolean {
  let brackets = 0;
  for (const one of ["{", "["]) {
    for (let at = text.indexOf(one); at !== -1; at = text.indexOf(one, at + 1)) {
      brackets += 1;
      if (brackets > MAX_DEPTH) return true;
    }
  }
  return false;
}

/** Level by level, without recursion. */
function isDeep(value: object): boolean {
  let level: readonly object[] = [value];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    const inner: object[] = [];
    for (const one of level) {
      // Lists are by far the most numerous: the merges of a vocabulary.
      for (const member of Array.isArray(one) ? one : Object.values(one)) {
        if (typeof member === "object" && member !== null) inner.push(member);
      }
    }
    level = inner;
  }
  return false;
}
