// How few tokens a text can have, estimated without encoding it: a text of megabytes for a context of thousands is refused at once.
// Only for byte-pair models that spell every byte, and steps before them that leave no text out: then no token stands for
// more bytes than the longest one has.

import type { AddedToken } from "../addedTokens.js";
import { BYTE_CHARACTERS } from "./byteLevel.js";
import { byteTokenIds } from "./unknownToken.js";

export type LeastTokens = (text: string) => number;

/** What composing (NFC) can make of a text: at best a third of its bytes, as of Hangul's letters. */
const COMPOSED = 3;

/** The fields of tokenizer.json that decide. */
export interface BoundSource {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly model?: unknown;
}

/** A lower bound of a text's tokens without special ones; 0 where a tokenizer may leave text out. */
export function leastTokens(
  { normalizer, pre_tokenizer, model }: BoundSource,
  vocabulary: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
): LeastTokens {
  const steps = [...stepsOf(normalizer, "normalizers"), ...stepsOf(pre_tokenizer, "pretokenizers")];
  if (!steps.every(keepsText) || !spellsAll((model ?? {}) as Step, steps, vocabulary)) return () => 0;
  const ofBytes = steps.some(({ type }) => type === "ByteLevel");
  let longest = 1;
  // In the alphabet of bytes a token has a character a byte.
  for (const token of vocabulary.keys()) longest = Math.max(longest, ofBytes ? token.length : Buffer.byteLength(token));
  for (const { content } of added) longest = Math.max(longest, Buffer.byteLength(content));
  const most = longest * (steps.some(({ type }) => /^NF/.test(String(type))) ? COMPOSED : 1);
  // Such tokens take any white space beside them.
  const strips = added.some(({ lstrip, rstrip }) => lstrip || rstrip);
  return (text) => Math.ceil(Buffer.byteLength(strips ? text.replace(/\p{White_Space}+/gu, "") : text) / most);
}

type Step = Readonly<Record<string, unknown>>;

/** A step, or those of a sequence; what is no step is one of an unknown type. */
function stepsOf(value: unknown, key: string): Step[] {
  if (value === null || value === undefined) return [];
  const step = value as Step;
  const inner = step[key];
  return step.type === "Sequence" && Array.isArray(inner) ? inner.flatMap((one) => stepsOf(one, key)) : [step];
}

function keepsText(step: Step): boolean {
  switch (step.type) {
    case "NFC":
    case "NFD":
    case "Prepend":
    case "ByteLevel":
    case "Metaspace":
    case "Digits":
      return true;
    case "Punctuation":
    case "Split":
      return String(step.behavior ?? "isolated").toLowerCase() !== "removed";
    case "Replace": {
      const from = (step.pattern as { String?: unknown } | undefined)?.String;
      const { content } = step;
      if (typeof from !== "string" || typeof content !== "string") return false;
      return Buffer.byteLength(content) >= Buffer.byteLength(from);
    }
    default:
      return false;
  }
}

/** Whether every byte has a token, so that nothing is left out or becomes a part of one unknown token. */
function spellsAll(model: Step, steps: readonly Step[], vocabulary: ReadonlyMap<string, number>): boolean {
  if (model.type !== undefined && model.type !== "BPE") return false;
  if (model.continuing_subword_prefix || model.end_of_word_suffix) return false;
  if (steps.some(({ type }) => type === "ByteLevel")) return BYTE_CHARACTERS.every((one) => vocabulary.has(one));
  return model.byte_fallback === true && byteTokenIds(vocabulary).every((id) => id >= 0);
}
