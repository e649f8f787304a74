// How two models read the same text: ids of texts and conversations, the rendered template, and what their tokenizers add.

import { RetemperError } from "../../errors.js";
import type { ChatMessage, Prompt } from "../../generate/types.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { TOKENIZER_PROBES } from "../prompts.js";

/** A prompt as one model reads it. */
export interface ReadPrompt {
  /** What its template makes of a conversation. */
  readonly rendered?: string | undefined;
  /** Why it cannot be read: the template's own words. */
  readonly refused?: string | undefined;
  readonly ids: readonly number[];
}

/** Ids that the tokenizer puts around a text. */
export interface Frame {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export function isConversation(prompt: Prompt): prompt is readonly ChatMessage[] {
  return typeof prompt !== "string" && typeof prompt[0] === "object";
}

/** A prompt as a model reads it: by `generate`'s rules. */
export function readPrompt(prompt: Prompt, tokenizer: Tokenizer): ReadPrompt {
  if (typeof prompt === "string") return { ids: tokenizer.encode(prompt) };
  if (!isConversation(prompt)) return { ids: prompt };
  try {
    const rendered = tokenizer.applyChatTemplate(prompt, { addGenerationPrompt: true });
    return { rendered, ids: tokenizer.encode(rendered, { addSpecialTokens: false }) };
  } catch (error) {
    if (!(error instanceof RetemperError)) throw error;
    return { refused: error.message, ids: [] };
  }
}

/** What is added to every text. */
export function frameOf(tokenizer: Tokenizer): Frame {
  const bare = tokenizer.encode("a", { addSpecialTokens: false });
  const framed = tokenizer.encode("a");
  const extra = framed.length - bare.length;
  for (let before = 0; before <= extra; before++) {
    if (!bare.every((id, at) => framed[before + at] === id)) continue;
    return { before: framed.slice(0, before), after: framed.slice(before + bare.length) };
  }
  return { before: [], after: [] };
}

/** The first text that becomes other ids, without what is added around it; undefined where all are the same. */
export function otherTokens(
  a: Tokenizer,
  b: Tokenizer,
  texts: readonly string[] = TOKENIZER_PROBES,
): { readonly text: string; readonly a: readonly string[]; readonly b: readonly string[] } | undefined {
  for (const text of texts) {
    const [one, other] = [a, b].map((tokenizer) => tokenizer.encode(text, { addSpecialTokens: false })) as [
      number[],
      number[],
    ];
    if (sameIds(one, other)) continue;
    const shown = (ids: readonly number[], tokenizer: Tokenizer) => ids.map((id) => `${id}:${tokenizer.decode([id])}`);
    return { text, a: shown(one, a), b: shown(other, b) };
  }
  return undefined;
}

export function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** How many characters of a difference are shown on each side of it. */
const AROUND = 30;

/** Both texts around the first character in which they differ. */
export function aroundDifference(a: string, b: string): { readonly a: string; readonly b: string } {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  const begin = Math.max(0, at - AROUND);
  const cut = (text: string) =>
    `${begin > 0 ? "…" : ""}${text.slice(begin, at + AROUND)}${text.length > at + AROUND ? "…" : ""}`;
  return { a: cut(a), b: cut(b) };
}
