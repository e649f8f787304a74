// The token of a vocabulary that is a text.

import type { Tokenizer } from "./types.js";

/**
 * The token that adds a text in the middle of a text; undefined where none does. It is looked for where it may stand:
 * after a letter, after a line feed (the marks of SentencePiece take no part there), and alone.
 */
export function tokenOf(tokenizer: Tokenizer, text: string): number | undefined {
  const encode = (whole: string): number[] => tokenizer.encode(whole, { addSpecialTokens: false });
  const before = encode("a");
  const start = tokenizer.decode(before).length;
  return ["a", "\n", ""]
    .map((first) => encode(first + text).at(-1))
    .find((id) => id !== undefined && tokenizer.decode([...before, id]).slice(start) === text);
}
