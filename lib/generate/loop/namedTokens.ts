// Tokens by the texts that they add: which ids they are in a model's own vocabulary.

import { RetemperError } from "../../errors.js";
import { tokenOf } from "../../tokenizer/tokenOf.js";
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
