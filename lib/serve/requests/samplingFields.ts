// The fields that chat completions and completions have in common, and what they mean as options of `generate`. Beside
// OpenAI's there are those that vLLM has in addition, llama.cpp's name of the repetition penalty, and the weights of a merge.

import { randomInt } from "node:crypto";
import { z } from "zod";
import type { GenerateOptions } from "../../generate/types.js";
import { ApiError } from "../apiError.js";
import type { ServerSettings } from "../options.js";
import type { RequestWeights } from "../servedModels.js";
import { absent, isEmpty, number, whole } from "./readBody.js";

/** Every token of an answer is compared with every stop text. */
const MOST_STOPS = 16;
const LONGEST_STOP = 1000;
const MOST_STOP_TOKENS = 1000;

const STOP = `must be a text, or a list of at most ${MOST_STOPS}, each of 1 to ${LONGEST_STOP} characters`;
const stopText = z.string({ error: STOP }).min(1, STOP).max(LONGEST_STOP, STOP);
const bool = z.boolean({ error: "must be true or false" }).nullish();

export const samplingFields = {
  model: z.string({ error: "must be the name of a model" }).nullish(),
  lambda: number("a number", () => true),
  weights: z
    .record(z.string(), z.number({ error: "must be a number" }), {
      error: "must be an object of numbers, by the names of models",
    })
    .nullish(),
  stream: bool,
  stream_options: z.looseObject({ include_usage: bool }, { error: "must be an object" }).nullish(),
  max_tokens: whole("of at least 1", (value) => value >= 1),
  n: whole("of at least 1", (value) => value >= 1),
  seed: whole("", () => true),
  temperature: number("a number of at least 0", (value) => value >= 0),
  top_p: number("a number above 0 and at most 1", (value) => value > 0 && value <= 1),
  top_k: whole("of at least 1, or 0 or -1 for all tokens", (value) => value >= -1),
  repetition_penalty: number("a number above 0", (value) => value > 0),
  repeat_penalty: number("a number above 0", (value) => value > 0),
  stop: z.union([stopText, z.array(stopText).max(MOST_STOPS, STOP)], { error: STOP }).nullish(),
  stop_token_ids: z
    .array(z.int({ error: "must be a token id" }).min(0, "must be a token id"), {
      error: "must be a list of token ids",
    })
    .max(MOST_STOP_TOKENS, `must have at most ${MOST_STOP_TOKENS} ids`)
    .nullish(),
  ignore_eos: bool,
  return_token_ids: bool,
  presence_penalty: absent((value) => value === 0),
  frequency_penalty: absent((value) => value === 0),
  logit_bias: absent(isEmpty),
  min_p: absent((value) => value === 0),
};

export type SamplingFields = z.output<z.ZodObject<typeof samplingFields>>;

/** The most probable tokens that a request may ask for in each place: as many as vLLM gives, and OpenAI of chats. */
const MOST_TOP = 20;

/** How many of the most probable tokens are given in each place. */
export const topTokens = () => whole(`from 0 to ${MOST_TOP}`, (value) => value >= 0 && value <= MOST_TOP);

/** What a request has in common with all others, whichever its method. */
export interface AskedAnswers {
  readonly model: string | undefined;
  /** At which weights of the model. */
  readonly at: RequestWeights;
  readonly options: GenerateOptions & { readonly n: number };
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly tokenIds: boolean;
}

/**
 * @param fields.maxTokens What the request asks for, by the name that is in messages; undefined: the server's choice.
 * @param fields.usualTokens New tokens where neither the request nor the server's settings say.
 * @throws ApiError 400 for more than the server allows.
 */
export function askedAnswers(
  body: SamplingFields,
  {
    maxTokens,
    usualTokens,
    prompts,
    logprobs,
    topLogprobs,
  }: {
    readonly maxTokens: readonly [name: string, value: number | null | undefined];
    readonly usualTokens: number;
    readonly prompts: number;
    readonly logprobs: boolean;
    readonly topLogprobs: number;
  },
  settings: ServerSettings,
): AskedAnswers {
  const { defaults } = settings;
  const stream = body.stream === true;
  if (body.stream_options && !stream) {
    throw new ApiError(400, "stream_options: is only for stream: true", { param: "stream_options" });
  }
  const n = body.n ?? 1;
  if (n * prompts > settings.maxAnswers) {
    const asked = prompts === 1 ? `${n} answers` : `${prompts} prompts with ${n} answers each`;
    throw new ApiError(400, `n: ${asked} are more than this server gives at once, ${settings.maxAnswers}`, {
      param: "n",
    });
  }
  const [name, told] = maxTokens;
  if (told != null && told > settings.maxTokens) {
    const message = `${name}: ${told} is more than this server allows, ${settings.maxTokens}`;
    throw new ApiError(400, message, { param: name });
  }
  const options = {
    maxNewTokens: told ?? defaults.maxNewTokens ?? Math.min(usualTokens, settings.maxTokens),
    fitContext: told == null,
    temperature: body.temperature ?? defaults.temperature ?? 1,
    topP: body.top_p ?? defaults.topP,
    topK: body.top_k == null ? defaults.topK : Math.max(0, body.top_k),
    repetitionPenalty: body.repetition_penalty ?? body.repeat_penalty ?? defaults.repetitionPenalty,
    n,
    seed: seedOf(body.seed),
    stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? undefined),
    stopTokens: body.stop_token_ids ?? undefined,
    ignoreEos: body.ignore_eos === true,
    logprobs,
    topLogprobs,
  };
  const includeUsage = body.stream_options?.include_usage === true;
  const { model, lambda, weights } = body;
  const asked = { model: model ?? undefined, at: { lambda, weights } };
  return { ...asked, options, stream, includeUsage, tokenIds: body.return_token_ids === true };
}

/** Without a seed every request draws anew. Negative ones, which OpenAI allows, are seeds of their own. */
function seedOf(seed: number | null | undefined): number {
  if (seed == null) return randomInt(2 ** 47);
  return seed >= 0 ? seed : Number.MAX_SAFE_INTEGER + seed + 1;
}
