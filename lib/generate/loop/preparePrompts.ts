// Prompts as ids, checked before any work starts: every message names the prompt.

import { RetemperError } from "../../errors.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { GenerateSettings } from "../settings.js";
import type { ChatMessage, Prompt, WhichVariant } from "../types.js";
import type { PromptWork } from "./job.js";

/** A prompt with the samples that are wanted of it. */
export interface AskedPrompt {
  readonly index: number;
  /** What its draws are made from; the index by default. */
  readonly draw?: number | undefined;
  readonly prompt: Prompt;
  readonly samples: readonly number[];
  /** Which lambda of a virtual merge; 0 by default. */
  readonly variant?: number | undefined;
  /** How results say so. */
  readonly whose?: WhichVariant | undefined;
}

/** What a model can be asked at all. */
type Bounds = Pick<DecoderSpec, "maxPositions" | "vocabulary">;

/**
 * The prompt's ids: a text is encoded with special tokens, ids are taken as they are, messages are rendered by the model's
 * template with the generation prompt on and encoded without adding special tokens.
 * @param mostTokens a text that certainly has more is refused before it is encoded
 * @throws RetemperError BAD_INPUT
 */
export function idsOf(
  prompt: Prompt,
  name: string,
  tokenizer: Tokenizer,
  mostTokens = Number.POSITIVE_INFINITY,
): readonly number[] {
  const encode = (text: string, addSpecialTokens: boolean): readonly number[] => {
    // Encoding a text of megabytes takes seconds, which must not be had for a prompt that is refused anyway.
    const least = tokenizer.leastTokens(text);
    if (least > mostTokens) throw tooLong(name, `at least ${least}`, mostTokens, "shorten the prompt");
    return named(name, () => tokenizer.encode(text, { addSpecialTokens }));
  };
  if (typeof prompt === "string") return encode(prompt, true);
  if (!Array.isArray(prompt)) throw new RetemperError("BAD_INPUT", `${name} is neither a text nor ids nor messages`);
  if (prompt.length === 0 || typeof prompt[0] === "number") return prompt as readonly number[];
  const messages = prompt as readonly ChatMessage[];
  for (const message of messages) {
    if (typeof message?.role === "string" && typeof message.content === "string") continue;
    throw new RetemperError("BAD_INPUT", `${name} has a message that is not { role, content } with texts`);
  }
  const how = isBegun(messages, name) ? { continueFinalMessage: true } : { addGenerationPrompt: true };
  const text = named(name, () => tokenizer.applyChatTemplate(messages, how));
  return encode(text, false);
}

/** Whether the conversation ends with the beginning of an answer. */
function isBegun(messages: readonly ChatMessage[], name: string): boolean {
  const at = messages.findIndex(({ prefix }) => prefix === true);
  if (at < 0) return false;
  if (at === messages.length - 1 && messages[at]?.role === "assistant") return true;
  throw new RetemperError("BAD_INPUT", `${name} has a message with prefix that is not the last one, of the assistant`);
}

/**
 * What the loop needs of a prompt.
 * @throws RetemperError BAD_INPUT for a prompt that is empty, holds ids that the model does not have, or is longer than the
 * model's context with the new tokens asked for.
 */
export function preparePrompt(
  { index, draw, prompt, samples, variant = 0, whose }: AskedPrompt,
  tokenizer: Tokenizer,
  spec: Bounds,
  settings: GenerateSettings,
): PromptWork {
  const name = `prompt ${index}`;
  const ids = checkedIds(idsOf(prompt, name, tokenizer, spec.maxPositions), name, spec);
  const room = spec.maxPositions - ids.length;
  const wanted = settings.maxNewTokensTold ? settings.maxNewTokens : 1;
  if (room < wanted) {
    const with_ = settings.maxNewTokensTold ? ` with ${settings.maxNewTokens} new ones` : "";
    const hint = room > 0 ? `at most ${room} new tokens fit (maxNewTokens, --max-new-tokens)` : "shorten the prompt";
    throw tooLong(name, ids.length, spec.maxPositions, hint, with_);
  }
  return { index, draw, ids, variant, whose, samples, maxNewTokens: Math.min(room, settings.maxNewTokens) };
}

/**
 * A prompt after whose last token log-probabilities are wanted.
 * @param tokens of each prompt, by its index
 * @throws RetemperError BAD_INPUT, also for a token that the model does not have
 */
export function prepareNext(
  { index, prompt, variant = 0, whose }: AskedPrompt,
  tokenizer: Tokenizer,
  spec: Bounds,
  tokens: readonly (readonly number[])[] | "all",
): PromptWork {
  const name = `prompt ${index}`;
  const input = prepareInput(index, idsOf(prompt, name, tokenizer, spec.maxPositions), spec, variant, { name });
  if (tokens !== "all") checkedIds(tokens[index] ?? [], `the tokens asked for after ${name}`, spec);
  return { ...input, whose };
}

/**
 * An input of which logits are wanted.
 * @param from the first token that is scored, where not all are: what comes before it may be shared, and the last token is not
 *   read, since nothing follows it
 */
export function prepareInput(
  index: number,
  input: readonly number[],
  spec: Bounds,
  variant = 0,
  { name = `input ${index}`, from }: { name?: string; from?: number | undefined } = {},
): PromptWork {
  const all = checkedIds(input, name, spec);
  const ids = from === undefined ? all : all.slice(0, -1);
  if (ids.length > spec.maxPositions) {
    throw tooLong(name, ids.length, spec.maxPositions, "shorten it");
  }
  if (from !== undefined && !(Number.isInteger(from) && from >= 1 && from < all.length)) {
    throw new RetemperError("BAD_INPUT", `${name} has ${all.length} tokens, and none to score from ${from} on`, {
      hint: "a token that is scored has one before it",
    });
  }
  const scored = from === undefined ? {} : { scoredFrom: from - 1 };
  return { index, ids, variant, samples: [0], maxNewTokens: 0, ...scored };
}

/** Prompts of like lengths together, long ones first: what is left at the end is short. */
export function longFirst(prompts: PromptWork[]): void {
  prompts.sort((a, b) => b.ids.length - a.ids.length || a.index - b.index);
}

/** Prompts that begin alike one after the other, a beginning before what goes on from it: what they share is still there. */
export function alikeTogether(prompts: PromptWork[]): void {
  prompts.sort((a, b) => a.variant - b.variant || inOrder(a.ids, b.ids) || a.index - b.index);
}

function inOrder(a: PromptWork["ids"], b: PromptWork["ids"]): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    if (a[at] !== b[at]) return (a[at] as number) - (b[at] as number);
  }
  return a.length - b.length;
}

function tooLong(name: string, tokens: number | string, most: number, hint: string, with_ = ""): RetemperError {
  const longer = `${name} has ${tokens} tokens${with_}, and the model's context has ${most}`;
  return new RetemperError("BAD_INPUT", longer, { reason: "context-length", hint });
}

function checkedIds(ids: readonly number[], name: string, { vocabulary }: Bounds): Int32Array {
  if (ids.length === 0) {
    throw new RetemperError("BAD_INPUT", `${name} is empty: it has no tokens`, {
      hint: "a model continues at least one token",
    });
  }
  for (const id of ids) {
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
    throw new RetemperError(
      "BAD_INPUT",
      `${name} holds ${typeof id === "number" ? `the id ${id}` : "something that is no id"}; the model's vocabulary has the ids 0 to ${vocabulary - 1}`,
      { hint: "does the tokenizer belong to this model?" },
    );
  }
  return Int32Array.from(ids);
}

/** What the tokenizer says against a prompt gets the prompt's name. */
function named<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RetemperError)) throw error;
    throw error.retold(`${name}: ${error.message}`);
  }
}
