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
  { model, models, settings, queue, tokenText, begin, failed }: PartContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { points, temperature, seed } = asked;
  const { defaults, maxTokens, stallMs } = settings;
  if (asked.maxNewTokens != null && asked.maxNewTokens > maxTokens) {
    const message = `maxNewTokens: ${asked.maxNewTokens} is more than this server allows, ${maxTokens}`;
    throw new ApiError(400, message, { param: "maxNewTokens" });
  }
  const prompt = promptOf(asked);
  const { keys, choice } = askedPoints(points, models);
  const signal = begin(reply);
  // The model never waits for the connection: what a slow client has not taken is kept, at most its answers.
  const stream = new Readable({ read() {} });
  const tell = (event: AnswerEvent) => stream.push(`data: ${JSON.stringify(event)}\n\n`);
  const tellAll = (of: WhichVariant, event: (point: number) => AnswerEvent) => {
    const own = keyOf(of);
    for (const [point, key] of keys.entries()) if (key === own) tell(event(point));
  };

  const work = async (started: () => void) => {
    const leave = await queue.enter(new Set(keys).size, signal);
    const since = performance.now();
    let tokens = 0;
    try {
      const onToken = (piece: GenerationPiece) => {
        const { id, text, logprob = 0, topLogprobs = [] } = piece;
        const top = topLogprobs.map((one) => ({ text: tokenText(one.id), logprob: one.logprob }));
        tellAll(piece, (point) => ({ point, id, text, logprob, top }));
        started();
      };
      const answers = model.generate([prompt], {
        ...choice,
        maxNewTokens: asked.maxNewTokens ?? defaults.maxNewTokens ?? Math.min(USUAL_TOKENS, maxTokens),
        fitContext: true,
        temperature: temperature ?? defaults.temperature ?? 0,
        topP: defaults.topP,
        topK: defaults.topK,
        repetitionPenalty: defaults.repetitionPenalty,
        seed: seed ?? 0,
        logprobs: true,
        topLogprobs: TOP,
        onToken,
        signal,
      });
      for await (const answer of answers) {
        tokens += answer.ids.length;
        tellAll(answer, (point) => ({ point, finish: answer.finish, text: answer.text }));
      }
      tell({ done: true, tokens, seconds: (performance.now() - since) / 1000 });
    } finally {
      leave();
    }
  };

  await new Promise<void>((resolve, reject) => {
    let begun = false;
    const started = () => {
      begun = true;
      resolve();
    };
    work(started).then(
      () => {
        stream.push(null);
        resolve();
      },
      (error) => {
        if (!begun) return reject(error);
        failed(reply, error);
        tell({ error: toApiError(error).body.error });
        stream.push(null);
      },
    );
  });
  reply.raw.setTimeout(stallMs, () => {
    if (reply.raw.writableLength > 0) reply.raw.destroy();
  });
  return reply
    .header("cache-control", "no-store")
    .header("x-accel-buffering", "no")
    .type("text/event-stream")
    .send(stream);
}
