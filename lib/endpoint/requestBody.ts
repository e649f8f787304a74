// What is asked of the server: the fields of OpenAI's API, and those that vLLM and llama.cpp know in addition, which are
// sent only where they are needed, since other servers refuse what they do not know.

import type { GenerateSettings } from "../generate/settings.js";
import type { ChatMessage, Prompt } from "../generate/types.js";
import { philox } from "../random/philox.js";

/** Samples of a prompt that one request asks for: `count` from `first` on. */
export interface Asked {
  readonly index: number;
  /** What its seed is made from; the index by default. */
  readonly draw?: number | undefined;
  readonly prompt: Prompt;
  readonly first: number;
  readonly count: number;
}

export interface RequestBody {
  readonly method: "chat/completions" | "completions";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** @param extra Fields that the caller adds or replaces. */
export function requestBody(
  { index, draw = index, prompt, first, count }: Asked,
  settings: GenerateSettings,
  { model, stream, extra }: { readonly model: string; readonly stream: boolean; readonly extra: object },
): RequestBody {
  const chat = isConversation(prompt);
  const { temperature, topK, topP, repetitionPenalty, stop, stopTokens, ignoreEos, logprobs } = settings;
  const draws = temperature > 0;
  const fields = {
    model,
    ...(chat ? conversationFields(prompt) : { prompt }),
    max_tokens: settings.maxNewTokens,
    temperature,
    ...(draws && { seed: seedOf(settings.seed, draw) + first }),
    ...(draws && topP < 1 && { top_p: topP }),
    ...(draws && topK > 0 && { top_k: topK }),
    // vLLM's name, then llama.cpp's, whose penalty reaches back 64 tokens by default.
    ...(repetitionPenalty !== 1 && {
      ...{ repetition_penalty: repetitionPenalty, repeat_penalty: repetitionPenalty, repeat_last_n: -1 },
    }),
    ...(count > 1 && { n: count }),
    ...(stop.length > 0 && { stop }),
    ...(stopTokens.length > 0 && { stop_token_ids: stopTokens }),
    ...(ignoreEos && { ignore_eos: true }),
    ...(logprobs && { logprobs: chat ? true : 1 }),
    ...(stream && { stream, stream_options: { include_usage: true } }),
    ...extra,
  };
  return { method: chat ? "chat/completions" : "completions", fields };
}

/** A conversation, and that its last message is to be gone on with where it has begun an answer. */
export function conversationFields(messages: readonly ChatMessage[]): Readonly<Record<string, unknown>> {
  return {
    messages: messages.map(({ prefix: _, ...message }) => message),
    // vLLM's names; llama.cpp goes on with an assistant's last message by itself.
    ...(messages.at(-1)?.prefix === true && { add_generation_prompt: false, continue_final_message: true }),
  };
}

export function isConversation(prompt: Prompt): prompt is readonly ChatMessage[] {
  return typeof prompt !== "string" && typeof prompt[0] === "object";
}

/**
 * The seed of a prompt's first sample: 30 bits of the caller's seed and the prompt's place. Sample i has this plus i, which is
 * also what vLLM gives the samples of one request, so that they are the same however they are asked for.
 */
function seedOf(seed: number, index: number): number {
  const high = (value: number): number => Math.floor(value / 2 ** 32) >>> 0;
  const [word] = philox([0, 0, index >>> 0, high(index)], [seed >>> 0, high(seed)]);
  return word >>> 2;
}
