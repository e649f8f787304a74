// A model whose work is done by its thread: what `openModel` gives.

import { RetemperError } from "../../errors.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { AskedPrompt } from "../loop/preparePrompts.js";
import { settingsOf } from "../settings.js";
import type {
  EngineFacts,
  GenerateOptions,
  GenerateProgress,
  Generation,
  Model,
  ModelDescription,
  Prompt,
} from "../types.js";
import { chosenVariants, oneVariant } from "../virtual/chosenVariants.js";
import { AnswerQueue } from "./answerQueue.js";
import type { ThreadEvent } from "./messages.js";
import type { ModelThread } from "./modelThread.js";

interface ScoreOptions {
  readonly lambda?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class ThreadModel implements Model {
  readonly tokenizer: Tokenizer;
  readonly #thread: ModelThread;

  constructor(thread: ModelThread, tokenizer: Tokenizer) {
    this.#thread = thread;
    this.tokenizer = tokenizer;
  }

  get facts(): EngineFacts {
    return this.#thread.facts;
  }

  get stopTokens(): readonly number[] {
    return this.#thread.bounds.stopTokens;
  }

  get contextLength(): number {
    return this.#thread.bounds.contextLength;
  }

  /** Work starts when the first answer is asked for, and ends when the iteration does, however it ends. */
  async *generate(prompts: readonly Prompt[], options: GenerateOptions = {}): AsyncGenerator<Generation, void, void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const settings = settingsOf(options);
    const variants = chosenVariants(this.facts.lambdas, options.lambda);
    const { skip, draws } = options;
    const asked = askedPrompts(prompts, { n: settings.n, skip, draws, variants, lambdas: this.facts.lambdas });
    const queue = new AnswerQueue<Generation>();
    const hear = listener(options, asked, queue);
    const pieces = options.onToken !== undefined;
    const counts = options.onProgress !== undefined;
    const call = this.#thread.call(
      { type: "generate", prompts: asked, settings, pieces, counts },
      {
        event: (event) => {
          try {
            hear(event);
          } catch (error) {
            stop(error); // of the caller's own function
          }
        },
        ended: (error) => (error === undefined ? queue.end() : queue.fail(error)),
      },
    );
    const stop = (error: unknown) => {
      call.cancel();
      queue.fail(error);
    };
    const onAbort = () => stop(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const answer = await this.#thread.wait(queue.next());
        if (answer === undefined) return;
        call.taken(1);
        yield answer;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      call.cancel();
    }
  }

  logits(ids: readonly (readonly number[])[], options: ScoreOptions = {}): Promise<Float32Array[]> {
    return this.#score("logits", ids, options);
  }

  logprobs(ids: readonly (readonly number[])[], options: ScoreOptions = {}): Promise<Float32Array[]> {
    return this.#score("logprobs", ids, options);
  }

  describe(): ModelDescription {
    return this.#thread.description;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #score(
    what: "logits" | "logprobs",
    inputs: readonly (readonly number[])[],
    { lambda, signal }: ScoreOptions,
  ): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    const variant = oneVariant(this.facts.lambdas, lambda);
    const { promise, resolve, reject } = withResolvers<Float32Array[]>();
    const call = this.#thread.call(
      { type: "score", what, inputs, variant },
      {
        event: (event) => {
          if (event.type === "scores") resolve([...event.scores]);
        },
        ended: (error) => {
          if (error !== undefined) reject(error);
        },
      },
    );
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#thread.wait(promise);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      call.cancel();
    }
  }
}

/** Puts answers into the queue and tells the caller what it wants to hear on the way. */
function listener(options: GenerateOptions, asked: readonly AskedPrompt[], queue: AnswerQueue<Generation>) {
  const { onToken, onProgress } = options;
  const total = asked.reduce((count, { samples }) => count + samples.length, 0);
  let progress: GenerateProgress = { done: 0, total, promptTokens: 0, newTokens: 0 };
  const move = (change: Partial<GenerateProgress>) => {
    progress = { ...progress, ...change };
    onProgress?.(progress);
  };
  return (event: Exclude<ThreadEvent, { type: "end" }>): void => {
    if (event.type === "answer") {
      queue.push(event.answer);
      move({ done: progress.done + 1 });
    } else if (event.type === "piece") {
      const { type: _type, call: _call, logprob, ...piece } = event;
      onToken?.({ ...piece, ...(logprob !== undefined && { logprob }) });
    } else if (event.type === "counts") {
      const { promptTokens, newTokens } = event;
      move({ promptTokens, newTokens });
    }
  };
}

/** The prompts with the samples that are to be made of each. */
function askedPrompts(
  prompts: readonly Prompt[],
  {
    n,
    skip,
    draws,
    variants,
    lambdas,
  }: {
    readonly n: number;
    readonly skip: GenerateOptions["skip"];
    readonly draws: GenerateOptions["draws"];
    readonly variants: readonly number[];
    readonly lambdas: readonly number[] | undefined;
  },
): AskedPrompt[] {
  if (!Array.isArray(prompts)) throw new RetemperError("USAGE", "generate takes a list of prompts");
  const all = Array.from({ length: n }, (_, sample) => sample);
  return prompts.flatMap((prompt: Prompt, index) =>
    variants.flatMap((variant) => {
      const of = lambdas ? { index, lambda: lambdas[variant] } : { index };
      const samples = skip ? all.filter((sample) => !skip({ ...of, sample })) : all;
      return samples.length > 0 ? [{ index, draw: draws?.[index], prompt, samples, variant }] : [];
    }),
  );
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
