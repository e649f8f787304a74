// Tokens by the texts that they add: which ids they are in a model's own vocabulary.

import { RetemperError } from "../../errors.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { TokenName } from "../types.js";

/**
 * Ids of the tokens that are named, one list a prompt.
 * @throws RetemperError USAGE for lists that are not one a prompt; INCOMPATIBLE for a text that is no single token
 */
export function namedTokens(
  tokenizer: Tokenizer,
  tokens: readonly (readonly TokenName[])[] | "all",
  prompts: number,
): readonly (readonly number[])[] | "all" {
  if (tokens === "all") return tokens;
  if (!Array.isArray(tokens) || tokens.length !== prompts || !tokens.every((list) => Array.isArray(list))) {
    throw new RetemperError("USAGE", `tokens must be "all", or a list of tokens for each of the ${prompts} prompts`);
  }
  const known = new Map<string, number>();
  return (tokens as readonly (readonly TokenName[])[]).map((list) =>
    list.map((name) => {
      if (typeof name !== "string") return name;
      const id = known.get(name) ?? tokenOf(tokenizer, name);
      if (id === undefined) {
        throw new RetemperError("INCOMPATIBLE", `${JSON.stringify(name)} is no single token of this model`, {
          hint: "a judge that is read from probabilities needs the vocabulary that it was trained with",
        });
      }
      known.set(name, id);
      return id;
    }),
  );
}

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
