// Requests for chat completions.

import { z } from "zod";
import type { ChatMessage } from "../../generate/types.js";
import type { ServerSettings } from "../options.js";
import { absent, isEmpty, readBody, whole } from "./readBody.js";
import { type AskedAnswers, askedAnswers, samplingFields } from "./samplingFields.js";

/** New tokens by default. */
const USUAL_TOKENS = 1024;

const CONTENT = "must be a text, or a list of parts of the type text";
const textPart = z.object({ type: z.literal("text", { error: CONTENT }), text: z.string({ error: CONTENT }) });
const message = z
  .object(
    {
      role: z.string({ error: "must be system, user or assistant" }).min(1),
      content: z.union([z.string(), z.array(textPart)], { error: CONTENT }),
      tool_calls: absent(isEmpty),
      function_call: absent(),
    },
    { error: "must be an object with role and content" },
  )
  .transform(({ role, content }): ChatMessage => {
    const text = typeof content === "string" ? content : content.map((part) => part.text).join("");
    return { role: role === "developer" ? "system" : role, content: text };
  });

const schema = z.object(
  {
    ...samplingFields,
    messages: z.array(message, { error: "must be a list of messages" }).min(1, "must have a message"),
    max_completion_tokens: whole("of at least 1", (value) => value >= 1),
    logprobs: z.boolean({ error: "must be true or false" }).nullish(),
    top_logprobs: absent((value) => value === 0),
    response_format: absent((value) => (value as { type?: unknown }).type === "text"),
    tools: absent(isEmpty),
    tool_choice: absent((value) => value === "none" || value === "auto"),
    functions: absent(isEmpty),
    function_call: absent((value) => value === "none" || value === "auto"),
    audio: absent(),
  },
  { error: "the body must be an object" },
);

export interface ChatRequest extends AskedAnswers {
  readonly model: string | undefined;
  readonly messages: readonly ChatMessage[];
}

/** @throws ApiError 400 */
export function readChatRequest(json: unknown, settings: ServerSettings): ChatRequest {
  const body = readBody(schema, json);
  const { max_completion_tokens: newest, max_tokens: older } = body;
  const maxTokens = newest == null ? (["max_tokens", older] as const) : (["max_completion_tokens", newest] as const);
  const wanted = { maxTokens, usualTokens: USUAL_TOKENS, prompts: 1, logprobs: body.logprobs === true };
  return { model: body.model ?? undefined, messages: body.messages, ...askedAnswers(body, wanted, settings) };
}
