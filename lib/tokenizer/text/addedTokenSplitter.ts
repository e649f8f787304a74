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

interface Node {
  readonly next: Map<number, Node>;
  token?: AddedToken;
}

const WORD_CHARACTER = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const ENDS_WITH_WORD = new RegExp(`${WORD_CHARACTER}$`, "u");
const STARTS_WITH_WORD = new RegExp(`^${WORD_CHARACTER}`, "u");
const SPACE = /\p{White_Space}/u;

export class AddedTokenSplitter {
  readonly #root: Node = { next: new Map() };
  readonly #empty: boolean;
  readonly #ignored: ReadonlySet<string>;

  /**
   * @param tokens With the text to look for, which is not empty.
   * @param ignored Texts of tokens that are found, but left as ordinary text.
   */
  constructor(tokens: Iterable<{ readonly text: string; readonly token: AddedToken }>, ignored: ReadonlySet<string>) {
    this.#ignored = ignored;
    for (const { text, token } of tokens) {
      let node = this.#root;
      for (let at = 0; at < text.length; at += 1) {
        const unit = text.charCodeAt(at);
        let next = node.next.get(unit);
        if (next === undefined) {
          next = { next: new Map() };
          node.next.set(unit, next);
        }
        node = next;
      }
      // Of two tokens with one text, the first listed counts.
      node.token ??= token;
    }
    this.#empty = this.#root.next.size === 0;
  }

  /** The parts of a text, in order; text that is empty is left out. */
  split(text: string): Section[] {
    if (this.#empty) return text === "" ? [] : [{ text, start: 0 }];
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
      if (left > from) sections.push({ text: text.slice(from, left), start: from });
      sections.push({ text: text.slice(left, right), id: token.id, start: left });
      from = right;
    }
    if (from < text.length) sections.push({ text: text.slice(from), start: from });
    return sections;
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | undefined {
    let found: { token: AddedToken; end: number } | undefined;
    let node = this.#root.next.get(text.charCodeAt(start));
    for (let at = start + 1; node !== undefined; at += 1) {
      if (node.token !== undefined) found = { token: node.token, end: at };
      node = at < text.length ? node.next.get(text.charCodeAt(at)) : undefined;
    }
    return found;
  }
}

/** Whether no letter, mark, digit or connector is beside it. */
function isWord(text: string, start: number, end: number): boolean {
  // Two units are enough for the character beside it.
  return (
    !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) && !STARTS_WITH_WORD.test(text.slice(end, end + 2))
  );
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
