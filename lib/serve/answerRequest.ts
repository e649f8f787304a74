// One request for answers, from the wait for slots to the reply. The slots are free again when the model is done or the client
// has left, whatever the connection does with the reply.

import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Generation, GenerationPiece, Model, Prompt } from "../generate/types.js";
import { AnswerParts } from "./replies/answerParts.js";
import { type ReplyHead, replyHead, streamedReply, UsageCount, wholeReply } from "./replies/replies.js";
import type { ReplyShape } from "./replies/replyShape.js";
import type { RequestQueue } from "./requestQueue.js";
import type { AskedAnswers } from "./requests/samplingFields.js";
import type { ServedModel } from "./servedModels.js";
import type { ServerMetrics } from "./serverMetrics.js";

export interface Answering {
  readonly model: Model;
  readonly queue: RequestQueue;
  readonly metrics: ServerMetrics;
  readonly stallMs: number;
  /** Remembers why a reply failed after it had begun. */
  failed(error: unknown): void;
}

export interface Question extends Omit<AskedAnswers, "model" | "at"> {
  readonly served: ServedModel;
  readonly prompts: readonly Prompt[];
  readonly shape: ReplyShape;
}

export async function answerRequest(
  question: Question,
  answering: Answering,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<FastifyReply> {
  const { served, shape } = question;
  const { model, stallMs } = answering;
  const head = replyHead(shape, served.id, model.facts.fingerprint);
  reply.header("x-request-id", head.id);
  const payload = question.stream
    ? await streamed(question, answering, head, signal)
    : await complete(question, answering, head, signal);
  // Nothing moved for so long: the client's fault where something waits to be sent, else the model's, which takes its time.
  reply.raw.setTimeout(stallMs, () => {
    if (reply.raw.writableLength > 0) reply.raw.destroy();
  });
  if (payload instanceof Readable) {
    reply.header("cache-control", "no-cache").header("x-accel-buffering", "no").type("text/event-stream");
  }
  return reply.send(payload);
}

async function complete(
  question: Question,
  answering: Answering,
  head: ReplyHead,
  signal: AbortSignal,
): Promise<object> {
  const answers: Generation[] = [];
  const usage = new UsageCount();
  await generate(question, answering, signal, (answer) => {
    answers.push(answer);
    usage.answer(answer);
  });
  return wholeReply(answers, question.options.n, question.shape, head, usage.usage);
}

/** The stream begins with the first token: what fails before it still has a status of its own. */
async function streamed(
  question: Question,
  answering: Answering,
  head: ReplyHead,
  signal: AbortSignal,
): Promise<Readable> {
  const { options, shape, includeUsage, tokenIds } = question;
  const parts = new AnswerParts(options.n, { logprobs: options.logprobs === true, tokenIds });
  const count = new UsageCount();
  const since = performance.now();
  let begun = false;
  generate(
    question,
    answering,
    signal,
    (answer) => {
      count.answer(answer);
      parts.answer(answer);
    },
    (piece) => {
      if (!begun) answering.metrics.firstToken((performance.now() - since) / 1000);
      begun = true;
      parts.piece(piece);
    },
  ).then(
    () => parts.end(),
    (error) => parts.fail(error),
  );
  const first = await parts.next();
  const usage = includeUsage ? () => count.usage : undefined;
  const events = streamedReply(first, parts, shape, head, { usage, failed: (error) => answering.failed(error) });
  return Readable.from(events, { objectMode: false, highWaterMark: 16_384 });
}

async function generate(
  { served, prompts, options }: Question,
  { model, queue, metrics }: Answering,
  signal: AbortSignal,
  take: (answer: Generation) => void,
  onToken?: (piece: GenerationPiece) => void,
): Promise<void> {
  const since = performance.now();
  const leave = await queue.enter(prompts.length * options.n, signal);
  try {
    metrics.began((performance.now() - since) / 1000);
    const onProgress = metrics.tokens(served.counted);
    const { lambda, weights } = served;
    const asked = { ...options, lambda, weights, signal, onToken, onProgress };
    for await (const answer of model.generate(prompts, asked)) take(answer);
  } finally {
    leave();
  }
}
