// Requests for chat completions.

import { z } from "zod";
import type { ChatMessage } from "../../generate/types.js";
import { ApiError } from "../apiError.js";
import type { ServerSettings } from "../options.js";
import { absent, isEmpty, readBody, whole } from "./readBody.js";
import { type AskedAnswers, askedAnswers, samplingFields, topTokens } from "./samplingFields.js";

/** New tokens by default. */
const USUAL_TOKENS = 1024;

const CONTENT = "must be a text, or a list of parts of the type text";
const textPart = z.object({ type: z.literal("text", { error: CONTENT }), text: z.string({ error: CONTENT }) });
/** A message of a conversation. */
export const message = z
  .object(
    {
      role: z.string({ error: "must be system, user or assistant" }).min(1),
      content: z.union([z.string(), z.array(textPart)], { error: CONTENT }),
      prefix: z.boolean({ error: "must be true or false" }).nullish(),
      tool_calls: absent(isEmpty),
      function_call: absent(),
    },
    { error: "must be an object with role and content" },
  )
  .transform(({ role, content, prefix }): ChatMessage => {
    const text = typeof content === "string" ? content : content.map((part) => part.text).join("");
    return { role: role === "developer" ? "system" : role, content: text, ...(prefix === true && { prefix }) };
  });

const schema = z.object(
  {
    ...samplingFields,
    messages: z.array(message, { error: "must be a list of messages" }).min(1, "must have a message"),
    max_completion_tokens: whole("of at least 1", (value) => value >= 1),
    logprobs: z.boolean({ error: "must be true or false" }).nullish(),
    top_logprobs: topTokens(),
    response_format: absent((value) => (value as { type?: unknown }).type === "text"),
    tools: absent(isEmpty),
    tool_choice: absent((value) => value === "none" || value === "auto"),
    functions: absent(isEmpty),
    function_call: absent((value) => value === "none" || value === "auto"),
    audio: absent(),
    continue_final_message: z.boolean({ error: "must be true or false" }).nullish(),
    add_generation_prompt: z.boolean({ error: "must be true or false" }).nullish(),
  },
  { error: "the body must be an object" },
);

export interface ChatRequest extends AskedAnswers {
  readonly messages: readonly ChatMessage[];
}

/** @throws ApiError 400 */
export function readChatRequest(json: unknown, settings: ServerSettings): ChatRequest {
  const body = readBody(schema, json);
  const { max_completion_tokens: newest, max_tokens: older } = body;
  const maxTokens = newest == null ? (["max_tokens", older] as const) : (["max_completion_tokens", newest] as const);
  const [logprobs, topLogprobs] = [body.logprobs === true, body.top_logprobs ?? 0];
  if (topLogprobs > 0 && !logprobs) {
    throw new ApiError(400, "top_logprobs: is only for logprobs: true", { param: "top_logprobs" });
  }
  const wanted = { maxTokens, usualTokens: USUAL_TOKENS, prompts: 1, logprobs, topLogprobs };
  return { messages: messagesOf(body), ...askedAnswers(body, wanted, settings) };
}

/** Going on with the last message is asked as vLLM has it (two fields), or as Mistral has it (`prefix` of the message). */
function messagesOf(body: z.output<typeof schema>): readonly ChatMessage[] {
  const { messages, continue_final_message: goesOn, add_generation_prompt: header } = body;
  const last = messages.at(-1) as ChatMessage;
  const isBegun = goesOn === true || last.prefix === true;
  const refuse = (message: string, param: string) => new ApiError(400, `${param}: ${message}`, { param });
  if (goesOn === true && header !== false) {
    throw refuse("must be false with continue_final_message", "add_generation_prompt");
  }
  if (header === false && !isBegun) {
    throw refuse("may be false only where the last message is continued", "add_generation_prompt");
  }
  if (messages.slice(0, -1).some(({ prefix }) => prefix === true) || (isBegun && last.role !== "assistant")) {
    throw refuse("only the assistant's last message can be continued", "messages");
  }
  return isBegun ? [...messages.slice(0, -1), { ...last, prefix: true }] : messages;
}
