// `textwrap.wrap`: lines of at most a number of characters, broken at white space, hyphens and dashes.

import { valueError } from "../values/pythonError.js";
import type { Run } from "../values/value.js";
import { lengthOf, sliceOf } from "./codePoints.js";
import { strip } from "./strip.js";

const SPACE = "[\\t\\n\\v\\f\\r ]";
const WORD = "[\\p{L}\\p{N}_]";
const LETTER = "(?:(?!\\p{Nd})[\\p{L}\\p{N}_])";
const PUNCTUATED = "[\\p{L}\\p{N}_!\"'&.,?]";
/** White space, dashes between words, and words or their parts up to a hyphen. */
const CHUNK = new RegExp(
  `${SPACE}+|(?<=${PUNCTUATED})-{2,}(?=${WORD})|[^\\t\\n\\v\\f\\r ]+?(?:` +
    `-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${PUNCTUATED}-))(?=${LETTER}-?${LETTER})|(?=${SPACE}|$)|(?<=${PUNCTUATED})(?=-{2,}${WORD}))`,
  "gu",
);
const SIMPLE_CHUNK = new RegExp(`${SPACE}+|[^\\t\\n\\v\\f\\r ]+`, "gu");

export interface Wrapping {
  readonly width: number;
  readonly breakLongWords: boolean;
  readonly breakOnHyphens: boolean;
}

/** @throws PythonError ValueError for a width of nothing. */
export function wrapText(run: Run, text: string, { width, breakLongWords, breakOnHyphens }: Wrapping): string[] {
  if (width <= 0) throw valueError(`invalid width ${width} (must be > 0)`);
  run.budget.spendOn(text.length * 8);
  const chunks = (text.match(breakOnHyphens ? CHUNK : SIMPLE_CHUNK) ?? []).reverse();
  const lines: string[] = [];
  while (chunks.length > 0) {
    if (lines.length > 0 && isSpace(chunks.at(-1))) chunks.pop();
    const line: string[] = [];
    let length = 0;
    while (chunks.length > 0 && length + lengthOf(chunks.at(-1) as string) <= width) {
      const chunk = chunks.pop() as string;
      line.push(chunk);
      length += lengthOf(chunk);
    }
    const next = chunks.at(-1);
    if (next !== undefined && lengthOf(next) > width)
      breakWord(run, chunks, line, width - length, breakLongWords, breakOnHyphens);
    if (isSpace(line.at(-1))) line.pop();
    if (line.length > 0) lines.push(run.budget.text(line.join("")));
  }
  return lines;
}

function isSpace(chunk: string | undefined): boolean {
  return chunk !== undefined && strip(chunk, true, true) === "";
}

/** Puts as much of a word that fits no line as there is room for, or all of it on a line of its own. */
function breakWord(
  run: Run,
  chunks: string[],
  line: string[],
  room: number,
  breakLongWords: boolean,
  breakOnHyphens: boolean,
): void {
  const word = chunks.at(-1) as string;
  run.budget.spendOn(word.length * 4);
  if (!breakLongWords) {
    if (line.length === 0) line.push(chunks.pop() as string);
    return;
  }
  let end = room;
  if (breakOnHyphens && lengthOf(word) > room) {
    const hyphen = sliceOf(word, 0, room).lastIndexOf("-");
    if (hyphen > 0 && /[^-]/.test(word.slice(0, hyphen))) end = hyphen + 1;
  }
  line.push(sliceOf(word, 0, end));
  chunks[chunks.length - 1] = sliceOf(word, end);
}
