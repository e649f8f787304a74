// Changes a few top-level members of a JSON text without touching any other byte, so that numbers, escapes and the order
// of keys stay as their author wrote them.

import { visit } from "jsonc-parser";

/** Half-open range of a member's value in the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Spans of the top-level members' values of a JSON object's text. Of a repeated key, the last.
 * @param text has been read by `parseObject`, which bounds its depth: the visit is recursive
 */
export function memberSpans(text: string): Map<string, Span> {
  const spans = new Map<string, Span>();
  let key = "";
  let depth = 0;
  let start = 0;
  const open = (offset: number): void => {
    if (depth === 1) start = offset;
    depth += 1;
  };
  const close = (offset: number, length: number): void => {
    depth -= 1;
    if (depth === 1) spans.set(key, { start, end: offset + length });
  };
  visit(text, {
    onObjectBegin: open,
    onArrayBegin: open,
    onObjectEnd: close,
    onArrayEnd: close,
    onObjectProperty: (name) => {
      if (depth === 1) key = name;
    },
    onLiteralValue: (_value, offset, length) => {
      if (depth === 1) spans.set(key, { start: offset, end: offset + length });
    },
  });
  return spans;
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
