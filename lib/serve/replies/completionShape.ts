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
  { place, ids, logprobs, topLogprobs }: ChoicePart,
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
  // The token itself is told too where it is not among the most probable. Of two with one text the more probable is told.
  const top_logprobs = ids.map((id, at) => {
    const top = [...(topLogprobs?.[at] ?? []), { id, logprob: logprobs[at] as number }];
    return Object.fromEntries(top.reverse().map((one) => [tokenText(one.id), one.logprob]));
  });
  return { tokens, token_logprobs: logprobs, top_logprobs, text_offset };
}
