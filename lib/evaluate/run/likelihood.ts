// Which tokens of an item a model scores: a continuation, cut where lm-evaluation-harness cuts it, or the answers of a conversation.

import { RetemperError } from "../../errors.js";
import type { ChatMessage, Tokenizer } from "../../generate/types.js";
import { type ConversationModel, encodeConversation } from "../data/encodeConversation.js";
import { stripEnd } from "../metrics/pythonText.js";
import type { Continuation, Item } from "../types.js";

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

/** A tokenizer with the token that stands before a text which has nothing before it. */
export interface ContinuationModel {
  readonly tokenizer: ConversationModel["tokenizer"] & Partial<Pick<Tokenizer, "prefixToken">>;
  readonly contextLength: number;
}

/**
 * The tokens of a continuation, as lm-evaluation-harness has them: a text without a context stands behind the token that begins
 * texts (else the one that ends them), of what is longer than the model's context the end is taken, and a long text without any
 * context comes in windows, each of which gives what the one before it did not.
 * @throws RetemperError BAD_INPUT where nothing is left to score, or the continuation alone is too long
 */
export function continuationTokens({ context, text }: Continuation, model: ContinuationModel): EncodedPair[] {
  const { tokenizer, contextLength } = model;
  if (context === null) return windowsOf(tokenizer.encode(text), prefixOf(tokenizer), contextLength);
  if (context === "") {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    const first = prefixOf(tokenizer);
    const all = ids[0] === first.id ? ids : [first.id, ...ids];
    return [scoredEnd(all, 1, contextLength, text)];
  }
  const before = typeof context === "string" ? context : rendered(context as readonly ChatMessage[], tokenizer);
  // A template writes the token that begins texts itself.
  const begins = tokenizer.prefixToken !== undefined && before.startsWith(tokenizer.prefixToken.text);
  const encode = (one: string) => tokenizer.encode(one, { addSpecialTokens: !begins });
  const start = stripEnd(before);
  return [scoredEnd(encode(before + text), encode(start).length, contextLength, text)];
}

/** With the beginning of an answer, or with what a last message that has begun one goes on from. */
function rendered(messages: readonly ChatMessage[], tokenizer: ContinuationModel["tokenizer"]): string {
  const begun = messages.at(-1)?.prefix === true;
  return tokenizer.applyChatTemplate(messages, begun ? { continueFinalMessage: true } : { addGenerationPrompt: true });
}

function prefixOf({ prefixToken }: ContinuationModel["tokenizer"]): NonNullable<Tokenizer["prefixToken"]> {
  if (prefixToken) return prefixToken;
  throw new RetemperError("BAD_INPUT", "the tokenizer names no token that begins or ends texts", {
    hint: "a text without a context is scored behind it: give bos_token or eos_token in tokenizer_config.json",
  });
}

/** The last token is scored and not read, so that one more fits than the model's context has. */
function scoredEnd(ids: readonly number[], from: number, contextLength: number, text: string): EncodedPair {
  const dropped = Math.max(0, ids.length - contextLength - 1);
  if (from >= ids.length || from <= dropped) {
    const what = from >= ids.length ? "has no tokens to score" : "is longer than the model's context";
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(text.slice(0, 60))} ${what}`);
  }
  return { ids: ids.slice(dropped), from: from - dropped };
}

function windowsOf(ids: readonly number[], prefix: { readonly id: number }, most: number): EncodedPair[] {
  const all = [prefix.id, ...ids];
  const windows: EncodedPair[] = [];
  for (let done = 0; done < ids.length; ) {
    const end = Math.min(ids.length, done + most);
    // the first of all has the prefix before it; a later one as much as fits before what it scores
    const start = done === 0 ? 0 : Math.max(0, end - most);
    windows.push({ ids: all.slice(start, end + 1), from: done + 1 - start });
    done = end;
  }
  return windows;
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
