// Words that a judge may say, as the tokens that they begin with in the vocabulary of its model.

import { RetemperError } from "../../errors.js";
import type { TextGenerator, Tokenizer, TokenName } from "../../generate/types.js";
import { tokenizerOf } from "./tokenizerOf.js";

/**
 * The first token of each word: an id where the model has a tokenizer, else the word itself, which a server is asked for.
 * @throws RetemperError INCOMPATIBLE where two words of one list begin with the same token
 */
export function firstTokens(model: TextGenerator, lists: readonly (readonly string[])[]): TokenName[][] {
  const tokenizer = tokenizerOf(model);
  if (!tokenizer) return lists.map((words) => [...words]);
  const known = new Map<string, number>();
  return lists.map((words) => {
    const ids = words.map((word) => {
      const id = known.get(word) ?? firstToken(tokenizer, word);
      known.set(word, id);
      return id;
    });
    if (new Set(ids).size === ids.length) return ids;
    throw new RetemperError("INCOMPATIBLE", `${JSON.stringify(words)} begin with the same token in this model`, {
      hint: "this judge needs the vocabulary that it was trained with",
    });
  });
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
