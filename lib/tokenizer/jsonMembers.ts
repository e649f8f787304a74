// Changes a few top-level members of a JSON text without touching any other byte, so that numbers, escapes and the order
// of keys stay as their author wrote them.

import { createScanner } from "jsonc-parser";

/** Half-open range of a member's value in the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Spans of the top-level members' values of a JSON object's text, which must have parsed. Of a repeated key, the last.
 * Tokens are taken one by one, since what a repeated key hides may be nested to any depth.
 */
export function memberSpans(text: string): Map<string, Span> {
  const spans = new Map<string, Span>();
  const scanner = createScanner(text, true);
  let depth = 0;
  /** Of the member that is being read; undefined before one. */
  let key: string | undefined;
  let start = 0;
  for (;;) {
    scanner.scan();
    const at = scanner.getTokenOffset();
    const first = text[at];
    if (first === undefined) return spans;
    const opens = first === "{" || first === "[";
    const closes = first === "}" || first === "]";
    if (closes) depth -= 1;
    if (depth === 1 && first !== ":" && first !== ",") {
      if (key === undefined) key = scanner.getTokenValue();
      else if (opens) start = at;
      else {
        spans.set(key, { start: closes ? start : at, end: at + scanner.getTokenLength() });
        key = undefined;
      }
    }
    if (opens) depth += 1;
  }
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
