// JSON as text: parsing with positions in errors, and changing a few top-level members without touching any other byte
// (so numbers, escapes and key order stay as their author wrote them).

import { jsonErrorOffset } from "../checkpoint/json.js";
import { RetemperError } from "../errors.js";

/** Half-open range of a member's value in the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses a JSON object.
 * @param file Named in the error.
 * @throws RetemperError BAD_INPUT with line and column.
 */
export function parseJsonObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const before = text.slice(0, jsonErrorOffset(text));
    const line = before.split("\n").length;
    const column = before.length - before.lastIndexOf("\n");
    throw new RetemperError("BAD_INPUT", "is not valid JSON", { file, line, column, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RetemperError("BAD_INPUT", "is not a JSON object", { file, line: 1, column: 1 });
  }
  return value as Record<string, unknown>;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** End of the match of a sticky pattern at `at`, or -1. */
function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Spans of the top-level members' values of a JSON object's text, which must have parsed. Of a repeated key, the last. */
export function memberSpans(text: string): Map<string, Span> {
  const spans = new Map<string, Span>();
  let at = text.indexOf("{") + 1;
  for (;;) {
    at = matchEnd(SPACE, text, at);
    if (text[at] === "}") return spans;
    if (text[at] === ",") at = matchEnd(SPACE, text, at + 1);
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const start = matchEnd(SPACE, text, text.indexOf(":", keyEnd) + 1);
    at = valueEnd(text, start);
    spans.set(key, { start, end: at });
  }
}

/** One past the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  for (;;) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
}

function valueEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const here = text[at];
    if (here === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (here === "{" || here === "[") depth += 1;
    else if (here === "}" || here === "]") depth -= 1;
    else if (depth === 0) return matchEnd(SCALAR, text, at);
    at += 1;
  } while (depth > 0);
  return at;
}

/**
 * The text with top-level members set to new values; members that it lacks are put at the end.
 * @param changes key -> JSON text of the value.
 */
export function withMembers(text: string, changes: ReadonlyMap<string, string>): string {
  const spans = memberSpans(text);
  const edits = [...changes].flatMap(([key, value]) => {
    const span = spans.get(key);
    return span === undefined ? [] : [{ ...span, value }];
  });
  const added = [...changes]
    .filter(([key]) => !spans.has(key))
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${value}`);
  if (added.length > 0) {
    const close = text.lastIndexOf("}");
    const lastValue = Math.max(text.indexOf("{") + 1, ...[...spans.values()].map(({ end }) => end));
    const lead = spans.size > 0 ? ",\n" : "\n";
    edits.push({ start: lastValue, end: close, value: `${lead}${added.join(",\n")}\n` });
  }
  let result = "";
  let from = 0;
  for (const { start, end, value } of edits.sort((x, y) => x.start - y.start)) {
    result += text.slice(from, start) + value;
    from = end;
  }
  return result + text.slice(from);
}
