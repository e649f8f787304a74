// Requests for completions: a text, token ids, or several of either.

import { z } from "zod";
import type { Prompt } from "../../generate/types.js";
import type { ServerSettings } from "../options.js";
import { absent, readBody } from "./readBody.js";
import { type AskedAnswers, askedAnswers, samplingFields, topTokens } from "./samplingFields.js";

/** OpenAI's default. */
const USUAL_TOKENS = 16;

const PROMPT = "must be a text, a list of token ids, or a list of either";
const text = z.string({ error: PROMPT });
/** Checked in one go: there may be a million of them. */
const ids = z.custom<number[]>(
  (value) => Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id)),
  PROMPT,
);

const schema = z.object(
  {
    ...samplingFields,
    prompt: z
      .union([text, ids, z.array(z.union([text, ids])).min(1)], { error: PROMPT })
      .transform((prompt): readonly Prompt[] => {
        const isOne = typeof prompt === "string" || typeof prompt[0] === "number";
        return isOne ? [prompt as Prompt] : (prompt as Prompt[]);
      }),
    logprobs: topTokens(),
    echo: absent((value) => value === false),
    suffix: absent((value) => value === ""),
    best_of: absent((value) => value === 1),
  },
  { error: "the body must be an object" },
);

export interface CompletionRequest extends AskedAnswers {
  readonly prompts: readonly Prompt[];
}

/** @throws ApiError 400 */
export function readCompletionRequest(json: unknown, settings: ServerSettings): CompletionRequest {
  const body = readBody(schema, json);
  const { prompt: prompts, logprobs } = body;
  const maxTokens = ["max_tokens", body.max_tokens] as const;
  const told = { logprobs: logprobs != null, topLogprobs: logprobs ?? 0 };
  const wanted = { maxTokens, usualTokens: USUAL_TOKENS, prompts: prompts.length, ...told };
  return { prompts, ...askedAnswers(body, wanted, settings) };
}
