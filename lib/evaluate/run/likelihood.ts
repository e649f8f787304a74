// Which tokens of an item a model scores: a continuation, cut where lm-evaluation-harness cuts it, or the answers of a conversation.

import { RetemperError } from "../../errors.js";
import type { ChatMessage } from "../../generate/types.js";
import { type ConversationModel, encodeConversation } from "../data/encodeConversation.js";
import { stripEnd } from "../metrics/pythonText.js";
import type { Item } from "../types.js";

/** Ids, and the places of those whose log-probabilities count. */
export interface ScoredTokens {
  readonly ids: readonly number[];
  readonly scored: readonly number[];
  /** Of a conversation: whether its end is beyond the model's context, and left out. */
  readonly cut: boolean;
}

/**
 * What of an item is scored: each of its choices after its prompt; its text after its prompt; of a conversation all answers with
 * the tokens that end them, as training learns them.
 * @param contextLength of the model: of longer conversations the beginning is scored
 * @throws RetemperError BAD_INPUT where nothing is left to score
 */
export function scoredTokens(
  { prompt, request, choices }: Item,
  model: ConversationModel & { readonly contextLength: number },
): ScoredTokens[] {
  if (typeof prompt !== "string") {
    const { ids, learned } = encodeConversation(prompt as readonly ChatMessage[], model);
    const scored = [...ids.keys()].filter((at) => at > 0 && at < model.contextLength && learned[at]);
    return [{ ids: ids.slice(0, model.contextLength), scored, cut: ids.length > model.contextLength }];
  }
  return (choices ?? [request]).map((text) => {
    const { ids, from } = encodePair(model.tokenizer, prompt, text);
    return { ids, scored: [...ids.keys()].slice(from), cut: false };
  });
}

export interface EncodedPair {
  readonly ids: readonly number[];
  /** The first token of the continuation; at least 1, since the first token of all has no probability. */
  readonly from: number;
}

/**
 * Both are encoded as one text, with special tokens, and the context alone: the rest is the continuation. Spaces at the
 * context's end go to the continuation, as tokens have their spaces in front.
 * @throws RetemperError BAD_INPUT where nothing is left to score
 */
export function encodePair(
  tokenizer: { encode(text: string): number[] },
  context: string,
  continuation: string,
): EncodedPair {
  const start = stripEnd(context);
  const ids = tokenizer.encode(start + context.slice(start.length) + continuation);
  const from = Math.max(1, start === "" ? 0 : tokenizer.encode(start).length);
  if (from >= ids.length) {
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(continuation.slice(0, 60))} has no tokens to score`);
  }
  return { ids, from };
}
