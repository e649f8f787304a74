// Words, sentences and patterns as the reference's Python takes them: its numbers depend on them.

import { strip } from "../metrics/pythonText.js";

/** `\s` of Python: what str.strip() takes. */
export const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
/** `\w` of Python: str.isalnum() and the underscore. A combining mark is none. */
const WORD = "[\\p{L}\\p{N}_]";
/** `\w` of Python's package regex, with which NLTK 3.10 counts words: a combining mark is one. */
const WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+/gu;
const SPACES = new RegExp(`${SPACE}+`, "u");

/** The words as the reference counts them: `\w+`. */
export function wordsOf(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/** `text.split()`. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((part) => part !== "");
}

/** `str.isupper`: something is cased, and nothing is in lower case. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** `str.islower`. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

/** `text.strip(characters)`, of one or more characters. */
export function stripOf(text: string, characters: string): string {
  let [start, end] = [0, text.length];
  while (start < end && characters.includes(text[start] as string)) start += 1;
  while (end > start && characters.includes(text[end - 1] as string)) end -= 1;
  return text.slice(start, end);
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

/** Whether there is anything but space. */
export function isBlank(text: string): boolean {
  return strip(text) === "";
}
