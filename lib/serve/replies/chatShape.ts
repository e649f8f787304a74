// Choices of chat completions.

import type { TokenLogprob } from "../../generate/types.js";
import type { ChoicePart, ReplyShape, TokenText } from "./replyShape.js";

export function chatShape(tokenText: TokenText, tokenIds: boolean): ReplyShape {
  const rest = (part: ChoicePart) => ({
    logprobs: logprobsOf(part, tokenText),
    finish_reason: part.finish ?? null,
    ...(tokenIds && { token_ids: part.ids }),
  });
  return {
    idPrefix: "chatcmpl-",
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    whole: (part) => ({
      index: part.place,
      message: { role: "assistant", content: part.text, refusal: null },
      ...rest(part),
    }),
    opening: (index) => {
      const delta = { role: "assistant", content: "" };
      return { index, delta, logprobs: null, finish_reason: null };
    },
    part: (part) => ({
      index: part.place,
      delta: part.finish !== undefined && part.text === "" ? {} : { content: part.text },
      ...rest(part),
    }),
  };
}

function logprobsOf({ ids, logprobs, topLogprobs }: ChoicePart, tokenText: TokenText): object | null {
  if (logprobs === undefined) return null;
  const told = ({ id, logprob }: TokenLogprob) => {
    const token = tokenText(id);
    // A token that is part of a character has no text of its own, so its bytes are not those of what stands for it.
    const bytes = token.includes("\ufffd") ? null : [...Buffer.from(token)];
    return { token, logprob, bytes };
  };
  const content = ids.map((id, at) => {
    const own = told({ id, logprob: logprobs[at] as number });
    return { ...own, top_logprobs: (topLogprobs?.[at] ?? []).map(told) };
  });
  return { content, refusal: null };
}
