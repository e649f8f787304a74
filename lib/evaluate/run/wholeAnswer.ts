// What a model said after the beginning of an answer, with that beginning: the answer as judges and readers have to see it.

import type { TextGenerator, Tokenizer } from "../../generate/types.js";
import type { Item } from "../types.js";

type Speaker = TextGenerator & { readonly tokenizer?: Pick<Tokenizer, "encode" | "decode"> };

/** The answer to an item, which may have begun in its prompt. */
export function wholeAnswer({ opener }: Item, said: string, ids: readonly number[], model: Speaker): string {
  return opener === undefined ? said : answerWithOpener(opener, said, ids, model);
}

/**
 * The whole answer; "" where the model added nothing. Tokenizers of the SentencePiece kind leave the space before a first word out
 * when they decode it alone: it is put back.
 * @param said the text of `ids`, the new tokens; an endpoint tells none
 */
export function answerWithOpener(opener: string, said: string, ids: readonly number[], model: Speaker): string {
  if (said.trim() === "") return "";
  const [first] = ids;
  const last = model.tokenizer?.encode(opener, { addSpecialTokens: false }).at(-1);
  if (!model.tokenizer || first === undefined || last === undefined || said.startsWith(" ")) return opener + said;
  const decode = (some: number[]) => model.tokenizer?.decode(some, { skipSpecialTokens: true }) ?? "";
  const isApart = decode([last, first]).startsWith(`${decode([last])} `) && !decode([first]).startsWith(" ");
  return opener + (isApart ? " " : "") + said;
}
