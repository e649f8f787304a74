// Choices of completions.

import type { ChoicePart, ReplyShape, TokenText } from "./replyShape.js";

export function completionShape(tokenText: TokenText, tokenIds: boolean): ReplyShape {
  /** Where the next token's text begins in the answer, of each choice. */
  const offsets = new Map<number, number>();
  const choice = (part: ChoicePart) => ({
    index: part.place,
    text: part.text,
    logprobs: logprobsOf(part, tokenText, offsets),
    finish_reason: part.finish ?? null,
    ...(tokenIds && { token_ids: part.ids }),
  });
  return {
    idPrefix: "cmpl-",
    object: "text_completion",
    chunkObject: "text_completion",
    whole: choice,
    opening: () => undefined,
    part: choice,
  };
}

function logprobsOf(
  { place, ids, logprobs }: ChoicePart,
  tokenText: TokenText,
  offsets: Map<number, number>,
): object | null {
  if (logprobs === undefined) return null;
  const tokens = ids.map(tokenText);
  let offset = offsets.get(place) ?? 0;
  const text_offset = tokens.map(({ length }) => {
    offset += length;
    return offset - length;
  });
  offsets.set(place, offset);
  const top_logprobs = tokens.map((token, at) => ({ [token]: logprobs[at] }));
  return { tokens, token_logprobs: logprobs, top_logprobs, text_offset };
}
