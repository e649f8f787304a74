// Words that a judge may say, as the tokens that they begin with in the vocabulary of its model.

import { RetemperError } from "../../errors.js";
import type { TextGenerator, Tokenizer, TokenName } from "../../generate/types.js";
import { tokenOf } from "../../tokenizer/tokenOf.js";
import { tokenizerOf } from "./tokenizerOf.js";

/** A word, or the ways in which it may be written: the first is what a judge's own model writes. */
export type AskedWord = string | readonly string[];

/**
 * The tokens that say each word. Of a word: the first token of its first way of writing, and the tokens that are another way as
 * a whole. They are ids where the model has a tokenizer; a server is asked for the ways themselves.
 * @throws RetemperError INCOMPATIBLE where two words of one list begin with the same token
 */
export function firstTokens(model: TextGenerator, lists: readonly (readonly AskedWord[])[]): TokenName[][][] {
  const tokenizer = tokenizerOf(model);
  if (!tokenizer) return lists.map((words) => words.map((word) => (typeof word === "string" ? [word] : [...word])));
  const known = new Map<AskedWord, number[]>();
  return lists.map((words) => {
    const ids = words.map((word) => {
      const of = known.get(word) ?? tokensOf(tokenizer, word);
      known.set(word, of);
      return of;
    });
    const all = ids.flat();
    if (new Set(all).size === all.length) return ids;
    throw new RetemperError("INCOMPATIBLE", `${JSON.stringify(words)} begin with the same token in this model`, {
      hint: "this judge needs the vocabulary that it was trained with",
    });
  });
}

function tokensOf(tokenizer: Tokenizer, word: AskedWord): number[] {
  const [first = "", ...others] = typeof word === "string" ? [word] : word;
  const whole = others.map((way) => tokenOf(tokenizer, way)).filter((id) => id !== undefined);
  return [...new Set([firstToken(tokenizer, first), ...whole])];
}

/**
 * The token with which a text goes on that continues with this word: it is looked for after a letter and after a line feed,
 * where the marks that SentencePiece puts at the beginning of a text take no part.
 * @throws RetemperError INCOMPATIBLE where the vocabulary has none
 */
function firstToken(tokenizer: Tokenizer, word: string): number {
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const before = encode("a");
  const start = tokenizer.decode(before).length;
  for (const first of ["a", "\n", ""]) {
    const [own, whole] = [encode(first), encode(first + word)];
    const id = first === "" ? whole[0] : whole[own.length];
    if (id === undefined) continue;
    const added = tokenizer.decode([...before, id]).slice(start);
    if (added !== "" && word.startsWith(added)) return id;
  }
  throw new RetemperError("INCOMPATIBLE", `the model has no token with which ${JSON.stringify(word)} begins`, {
    hint: "this judge needs the vocabulary that it was trained with",
  });
}
