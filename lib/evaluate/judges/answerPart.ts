// How much of an answer a judge reads, by the tokenizer of its model, as its authors' code cuts it.

import type { TextGenerator } from "../../generate/types.js";
import { tokenizerOf } from "./tokenizerOf.js";

export interface AnswerCut {
  /** Tokens of an answer that are read, with those that the tokenizer puts around a text. */
  readonly longest: number;
  /** Which of a longer answer. */
  readonly reads: "first" | "last";
  /** Whether special tokens are left out of what is read, those of the answer's own text too. */
  readonly skipSpecialTokens: boolean;
}

/**
 * What transformers gives for `decode(tokenizer(text, max_length=longest, truncation=True))` where `truncation_side` is "right" (`first`)
 * or "left" (`last`): a short answer goes to tokens and back as well. All of it, as it is, where the model has no tokenizer.
 */
export function answerPart(
  text: string,
  model: TextGenerator,
  { longest, reads, skipSpecialTokens }: AnswerCut,
): string {
  const tokenizer = tokenizerOf(model);
  if (!tokenizer) return text;
  const [whole, plain] = [tokenizer.encode(text), tokenizer.encode(text, { addSpecialTokens: false })];
  const added = whole.length - plain.length;
  let start = 0; // where the text itself begins, behind what the tokenizer puts before it
  while (start < added && plain.some((id, at) => whole[start + at] !== id)) start += 1;
  const room = longest - added;
  const kept = reads === "first" ? plain.slice(0, room) : plain.slice(Math.max(0, plain.length - room));
  return tokenizer.decode([...whole.slice(0, start), ...kept, ...whole.slice(start + plain.length)], {
    skipSpecialTokens,
  });
}
