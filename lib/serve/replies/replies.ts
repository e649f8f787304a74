// Replies as clients get them: one object, or a stream of events.

import { randomUUID } from "node:crypto";
import type { Generation } from "../../generate/types.js";
import { toApiError } from "../apiError.js";
import type { AnswerParts } from "./answerParts.js";
import type { ChoicePart, ReplyShape, Usage } from "./replyShape.js";

/** What all objects of a reply have in common. */
export interface ReplyHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string | null;
}

/** @param fingerprint Of the model's files: the same name may stand for other weights tomorrow. */
export function replyHead(shape: ReplyShape, model: string, fingerprint: string | undefined): ReplyHead {
  return {
    id: `${shape.idPrefix}${randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: fingerprint === undefined ? null : `fp_${fingerprint.slice(0, 12)}`,
  };
}

/** Counts a reply's tokens; those of a prompt once for all of its answers. */
export class UsageCount {
  readonly #prompts = new Map<number, number>();
  #completion = 0;

  answer({ index, promptTokens, ids }: Generation): void {
    this.#prompts.set(index, promptTokens);
    this.#completion += ids.length;
  }

  get usage(): Usage {
    const prompt = [...this.#prompts.values()].reduce((sum, tokens) => sum + tokens, 0);
    const completion = this.#completion;
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}

/** @param n Samples of each prompt. */
export function wholeReply(
  answers: readonly Generation[],
  n: number,
  shape: ReplyShape,
  head: ReplyHead,
  usage: Usage,
): object {
  const choices = answers
    .map(({ index, sample, text, ids, logprobs, topLogprobs, finish }): ChoicePart => {
      return { place: index * n + sample, text, ids, logprobs, topLogprobs, finish };
    })
    .sort((a, b) => a.place - b.place)
    .map((part) => shape.whole(part));
  return { ...head, object: shape.object, choices, usage };
}

/**
 * The events of a streamed reply. The next parts are asked for when those before were taken.
 * @param failed Told of a failure in the middle, which the client gets as an event.
 */
export async function* streamedReply(
  first: readonly ChoicePart[] | undefined,
  parts: AnswerParts,
  shape: ReplyShape,
  head: ReplyHead,
  { usage, failed }: { readonly usage: (() => Usage) | undefined; readonly failed: (error: unknown) => void },
): AsyncGenerator<string, void, void> {
  const chunk = (choices: readonly object[], rest = usage ? { usage: null } : {}) =>
    event({ ...head, object: shape.chunkObject, choices, ...rest });
  const opened = new Set<number>();
  try {
    for (let next = first; next !== undefined; next = await parts.next()) {
      const events: string[] = [];
      for (const part of next) {
        const opening = opened.has(part.place) ? undefined : shape.opening(part.place);
        opened.add(part.place);
        if (opening) events.push(chunk([opening]));
        events.push(chunk([shape.part(part)]));
      }
      yield events.join("");
    }
    if (usage) yield event({ ...head, object: shape.chunkObject, choices: [], usage: usage() });
    yield "data: [DONE]\n\n";
  } catch (error) {
    failed(error);
    yield event(toApiError(error).body);
  }
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
