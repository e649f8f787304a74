// Words, sentences and patterns as the reference's Python takes them: its numbers depend on them.

import { WHITE_SPACE } from "../../tokenizer/jinja/text/characters.js";

/** `\s` of Python: what str.strip() takes. */
export const SPACE = `[${WHITE_SPACE}]`;
/** `\w` of Python: str.isalnum() and the underscore. A combining mark is none. */
const WORD = "[\\p{L}\\p{N}_]";
/** `\w` of Python's package regex, with which NLTK 3.10 counts words: a combining mark is one. */
const WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+/gu;

/** The words as the reference counts them: `\w+`. */
export function wordsOf(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/**
 * A keyword of the data as the pattern that the reference makes of it: without regard to case, and `whole` between
 * boundaries of words. A keyword that is no pattern stands for itself.
 */
export function keywordPattern(keyword: string, whole = false): RegExp {
  const edge = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`;
  const around = whole ? edge : "";
  try {
    return new RegExp(`${around}(?:${keyword})${around}`, "giu");
  } catch {
    const text = keyword.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    return new RegExp(`${around}(?:${text})${around}`, "giu");
  }
}

/** `json.loads`: JSON, and the three numbers that it does not have. */
export function isPythonJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // strings stay as they are, and the three names outside of them become a number
    const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity\b|NaN\b/gs, (part) => (part.startsWith('"') ? part : "0"));
    if (plain === text) return false;
    try {
      JSON.parse(plain);
      return true;
    } catch {
      return false;
    }
  }
}
