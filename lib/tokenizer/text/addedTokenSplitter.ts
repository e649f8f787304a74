// Finds added tokens in a text before the model sees it: at each place the longest, from the left, in one pass.

import type { AddedToken } from "../addedTokens.js";

/** A part of a text: an added token, or text between such tokens. */
export interface Section {
  readonly text: string;
  /** Id of the added token; undefined for text. */
  readonly id?: number;
  /** Where the part begins in the text. */
  readonly start: number;
}

const WORD_CHARACTER = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const ENDS_WITH_WORD = new RegExp(`${WORD_CHARACTER}$`, "u");
const STARTS_WITH_WORD = new RegExp(`^${WORD_CHARACTER}`, "u");
const SPACE = /\p{White_Space}/u;

export class AddedTokenSplitter {
  readonly #tokens = new Map<string, AddedToken>();
  /** By the first two units of a token, the lengths that tokens beginning so have, the longest first. */
  readonly #lengths = new Map<number, number[]>();
  readonly #ignored: ReadonlySet<string>;

  /**
   * @param tokens With the text to look for, which is not empty.
   * @param ignored Texts of tokens that are found, but left as ordinary text.
   */
  constructor(tokens: Iterable<{ readonly text: string; readonly token: AddedToken }>, ignored: ReadonlySet<string>) {
    this.#ignored = ignored;
    for (const { text, token } of tokens) {
      // Of two tokens with one text, the first listed counts.
      if (this.#tokens.has(text)) continue;
      this.#tokens.set(text, token);
      const lengths = this.#lengths.get(keyAt(text, 0)) ?? [];
      if (!lengths.includes(text.length)) lengths.push(text.length);
      this.#lengths.set(keyAt(text, 0), lengths);
    }
    for (const lengths of this.#lengths.values()) lengths.sort((x, y) => y - x);
  }

  /** The parts of a text, in order; text that is empty is left out. */
  split(text: string): Section[] {
    if (this.#tokens.size === 0) return text === "" ? [] : [{ text, start: 0 }];
    const sections: Section[] = [];
    let from = 0;
    for (let at = 0; at < text.length; ) {
      const found = this.#longestAt(text, at);
      if (found === undefined) {
        at += 1;
        continue;
      }
      const { token, end } = found;
      const start = at;
      at = end;
      if (this.#ignored.has(token.content) || (token.singleWord && !isWord(text, start, end))) continue;
      // A token may take white space beside it, but none that an earlier one took.
      const left = token.lstrip ? Math.max(from, spaceBefore(text, start)) : start;
      const right = token.rstrip ? spaceAfter(text, end) : end;
      if (right <= left) continue;
      if (left > from) sections.push({ text: text.slice(from, left), start: from });
      sections.push({ text: text.slice(left, right), id: token.id, start: left });
      from = right;
    }
    if (from < text.length) sections.push({ text: text.slice(from), start: from });
    return sections;
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | undefined {
    const lengths = this.#lengths.get(keyAt(text, start));
    for (const length of lengths ?? []) {
      const token = this.#tokens.get(text.slice(start, start + length));
      if (token !== undefined && start + length <= text.length) return { token, end: start + length };
    }
    // A token of one unit, whatever follows.
    const token = this.#lengths.has(text.charCodeAt(start)) ? this.#tokens.get(text.charAt(start)) : undefined;
    return token && { token, end: start + 1 };
  }
}

/** The first two units of what begins there as one number; of a single unit, that alone. */
function keyAt(text: string, at: number): number {
  const first = text.charCodeAt(at);
  return at + 1 < text.length ? first + 0x10000 * (1 + text.charCodeAt(at + 1)) : first;
}

/** Whether no letter, mark, digit or connector is beside it. */
function isWord(text: string, start: number, end: number): boolean {
  // Two units are enough for the character beside it.
  const before = text.slice(Math.max(0, start - 2), start);
  return !ENDS_WITH_WORD.test(before) && !STARTS_WITH_WORD.test(text.slice(end, end + 2));
}

function spaceBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && SPACE.test(text.charAt(start - 1))) start -= 1;
  return start;
}

function spaceAfter(text: string, start: number): number {
  let end = start;
  while (end < text.length && SPACE.test(text.charAt(end))) end += 1;
  return end;
}
