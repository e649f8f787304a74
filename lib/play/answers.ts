// Answers at several points side by side: one batch of the model, one stream of events for the page.

import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { z } from "zod";
import type { GenerationPiece, WhichVariant } from "../generate/types.js";
import { ApiError, toApiError } from "../serve/apiError.js";
import type { PartContext } from "../serve/serverPart.js";
import { type answersBody, askedPoints, keyOf, promptOf } from "./playRequests.js";
import type { AnswerEvent } from "./types.js";

/** The most probable tokens that are told in each place. */
const TOP = 5;
const USUAL_TOKENS = 256;

/** Streams the answers. What fails before the first event has a status of its own; after it, it is the last event. */
export async function streamAnswers(
  asked: z.output<typeof answersBody>,
  context: PartContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { settings, begin, failed } = context;
  const answer = prepareAnswers(asked, context);
  const signal = begin(reply);
  // The model never waits for the connection: what a slow client has not taken is kept, at most its answers.
  const stream = new Readable({ read() {} });
  await new Promise<void>((resolve, reject) => {
    let begun = false;
    const tell = (event: AnswerEvent) => {
      begun = true;
      stream.push(`data: ${JSON.stringify(event)}\n\n`);
      resolve();
    };
    answer(tell, signal)
      .catch((error) => {
        if (!begun) return reject(error);
        failed(reply, error);
        tell({ error: toApiError(error).body.error });
      })
      .finally(() => stream.push(null));
  });
  reply.raw.setTimeout(settings.stallMs, () => {
    if (reply.raw.writableLength > 0) reply.raw.destroy();
  });
  return reply.header("x-accel-buffering", "no").type("text/event-stream").send(stream);
}

/**
 * Checks what is asked; gives what answers it.
 * @throws ApiError 400
 */
function prepareAnswers(
  asked: z.output<typeof answersBody>,
  { model, models, settings: { defaults, maxTokens }, queue, tokenText }: PartContext,
): (tell: (event: AnswerEvent) => void, signal: AbortSignal) => Promise<void> {
  if (asked.maxNewTokens != null && asked.maxNewTokens > maxTokens) {
    const message = `maxNewTokens: ${asked.maxNewTokens} is more than this server allows, ${maxTokens}`;
    throw new ApiError(400, message, { param: "maxNewTokens" });
  }
  const prompt = promptOf(asked);
  const { keys, choice } = askedPoints(asked.points, models);
  const placesOf = (one: WhichVariant) => keys.flatMap((key, point) => (key === keyOf(one) ? [point] : []));
  const options = {
    ...choice,
    maxNewTokens: asked.maxNewTokens ?? defaults.maxNewTokens ?? Math.min(USUAL_TOKENS, maxTokens),
    fitContext: true,
    temperature: asked.temperature ?? defaults.temperature ?? 0,
    topP: defaults.topP,
    topK: defaults.topK,
    repetitionPenalty: defaults.repetitionPenalty,
    seed: asked.seed ?? 0,
    logprobs: true,
    topLogprobs: TOP,
  };
  return async (tell, signal) => {
    const leave = await queue.enter(new Set(keys).size, signal);
    const since = performance.now();
    let tokens = 0;
    try {
      const onToken = (piece: GenerationPiece) => {
        const { id, text, logprob = 0, topLogprobs = [] } = piece;
        const top = topLogprobs.map((one) => ({ text: tokenText(one.id), logprob: one.logprob }));
        for (const point of placesOf(piece)) tell({ point, id, text, logprob, top });
      };
      for await (const answer of model.generate([prompt], { ...options, onToken, signal })) {
        const { ids, finish, text } = answer;
        tokens += ids.length;
        for (const point of placesOf(answer)) tell({ point, finish, text });
      }
      tell({ done: true, tokens, seconds: (performance.now() - since) / 1000 });
    } finally {
      leave();
    }
  };
}
