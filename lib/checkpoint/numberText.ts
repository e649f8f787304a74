// JSON whose numbers keep their spelling when it is written again. Python reads 30.0 as a float and 30 as an integer, and
// transformers refuses the one where it wants the other; JavaScript writes both as 30. Python also writes Infinity and NaN.

import { createScanner } from "jsonc-parser";

/** A JSON text in which each number that JavaScript would write differently is a string that starts with `mark`. */
interface Marked {
  readonly text: string;
  readonly mark: string;
}

/** Parses JSON that may hold NaN and Infinity. @throws SyntaxError */
export function parseWithInfinity(text: string): unknown {
  const marked = markNumbers(text);
  return JSON.parse(marked.text, (_key, value) =>
    typeof value === "string" && value.startsWith(marked.mark) ? Number(value.slice(marked.mark.length)) : value,
  );
}

/**
 * Changes a JSON text by its value; what does not change keeps the spelling of its numbers.
 * @param change gets the value with marked numbers as opaque strings, which it may move but not read
 */
export function rewriteJson(text: string, change: (value: unknown) => unknown): string {
  const marked = markNumbers(text);
  const changed = JSON.stringify(change(JSON.parse(marked.text)), null, 2);
  return changed.replace(new RegExp(`"${marked.mark}([^"]*)"`, "g"), "$1");
}

const NUMBER = /^(?:NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function markNumbers(text: string): Marked {
  const mark = unusedMark(text);
  const scanner = createScanner(text, true);
  const pieces: string[] = [];
  let copied = 0;
  for (;;) {
    scanner.scan();
    let start = scanner.getTokenOffset();
    if (start >= text.length) return { text: pieces.join("") + text.slice(copied), mark };
    const end = start + scanner.getTokenLength();
    // To the scanner, the sign before Infinity is a token of its own.
    if (text[start - 1] === "-" && text.startsWith("Infinity", start)) start -= 1;
    const literal = text.slice(start, end);
    if (!NUMBER.test(literal) || JSON.stringify(Number(literal)) === literal) continue;
    pieces.push(text.slice(copied, start), `"${mark}${literal}"`);
    copied = end;
  }
}

/** A start of strings that no string of the text has, escaped or not. */
function unusedMark(text: string): string {
  const plain = text.replace(/\\u00([2-7][0-9a-f])/gi, (_escape, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  let mark = "number:";
  while (text.includes(mark) || plain.includes(mark)) mark = `_${mark}`;
  return mark;
}
