// A model whose work is done by its thread: what `openModel` gives.

import { RetemperError } from "../../errors.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { namedTokens } from "../loop/namedTokens.js";
import type { AskedPrompt } from "../loop/preparePrompts.js";
import { settingsOf } from "../settings.js";
import type {
  ContinuationScore,
  ContinuedInput,
  EngineFacts,
  GenerateOptions,
  GenerateProgress,
  Generation,
  Model,
  ModelDescription,
  NextLogprobs,
  NextLogprobsOptions,
  Prompt,
  ScoringOptions,
  TokenName,
} from "../types.js";
import { chosenVariants, oneVariant, type Variants, whichVariant } from "../virtual/chosenVariants.js";
import { AnswerQueue } from "./answerQueue.js";
import type { ScoreRequest, ThreadEvent } from "./messages.js";
import type { ModelThread, Request } from "./modelThread.js";

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
  generate(prompts: readonly Prompt[], options: GenerateOptions = {}): AsyncGenerator<Generation, void, void> {
    return this.#answers(options.signal, (queue) => this.#toGenerate(prompts, options, queue));
  }

  nextLogprobs(
    prompts: readonly Prompt[],
    tokens: readonly (readonly TokenName[])[] | "all" = "all",
    options: NextLogprobsOptions = {},
  ): AsyncGenerator<NextLogprobs, void, void> {
    return this.#answers(options.signal, (queue) => {
      const { batch } = settingsOf({ batch: options.batch });
      const variants = chosenVariants(this.facts, options);
      const asked = askedPrompts(prompts, { n: 1, skip: undefined, draws: undefined, variants, opened: {} });
      const ids = namedTokens(this.tokenizer, tokens, prompts.length);
      const move = progressOf(options, asked);
      const counts = options.onProgress !== undefined;
      return {
        request: { type: "next", prompts: asked, tokens: ids, batch, counts },
        hear: (event) => {
          if (event.type === "next") queue.push(event.next);
          move(event);
        },
      };
    });
  }

  #toGenerate(prompts: readonly Prompt[], options: GenerateOptions, queue: AnswerQueue<Generation>): Asking {
    const settings = settingsOf(options);
    const variants = chosenVariants(this.facts, options);
    const { skip, draws } = options;
    const asked = askedPrompts(prompts, { n: settings.n, skip, draws, variants, opened: this.facts });
    const pieces = options.onToken !== undefined;
    const counts = options.onProgress !== undefined;
    const move = progressOf(options, asked);
    return {
      request: { type: "generate", prompts: asked, settings, pieces, counts },
      hear: (event) => {
        if (event.type === "answer") queue.push(event.answer);
        else if (event.type === "piece") {
          const { type: _type, call: _call, ...piece } = event;
          options.onToken?.(piece);
        }
        move(event);
      },
    };
  }

  /** What a call gives, one after the other; it is cancelled when the caller goes. */
  async *#answers<T>(
    signal: AbortSignal | undefined,
    ask: (queue: AnswerQueue<T>) => Asking,
  ): AsyncGenerator<T, void, void> {
    signal?.throwIfAborted();
    const queue = new AnswerQueue<T>();
    const { request, hear } = ask(queue);
    const call = this.#thread.call(request, {
      event: (event) => {
        try {
          hear(event);
        } catch (error) {
          stop(error); // of the caller's own function
        }
      },
      ended: (error) => (error === undefined ? queue.end() : queue.fail(error)),
    });
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

  logits(ids: readonly (readonly number[])[], options: ScoringOptions = {}): Promise<Float32Array[]> {
    return this.#score("logits", withoutFrom(ids), options);
  }

  logprobs(ids: readonly (readonly number[])[], options: ScoringOptions = {}): Promise<Float32Array[]> {
    return this.#score("logprobs", withoutFrom(ids), options);
  }

  async continuations(inputs: readonly ContinuedInput[], options: ScoringOptions = {}): Promise<ContinuationScore[]> {
    const scores = await this.#score("continuations", inputs, options);
    return scores.map((both) => {
      const count = both.length / 2;
      return { logprobs: both.subarray(0, count), greedy: both.subarray(count).every((one) => one === 1) };
    });
  }

  describe(): ModelDescription {
    return this.#thread.description;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #score(
    what: ScoreRequest["what"],
    inputs: readonly ScoredInput[],
    { signal, ...which }: ScoringOptions,
  ): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    const ofCall = ({ lambda, variant }: ScoredInput) => lambda === undefined && variant === undefined;
    const variants = inputs.map((input) => oneVariant(this.facts, ofCall(input) ? which : input));
    const ids = inputs.map((input) => input.ids);
    const from = inputs.map((input) => input.from);
    const { promise, resolve, reject } = withResolvers<Float32Array[]>();
    const call = this.#thread.call(
      { type: "score", what, inputs: ids, variants, from },
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

/** Tokens of which all, or those from `from` on, are scored. */
type ScoredInput = Pick<ContinuedInput, "ids" | "lambda" | "variant"> & { readonly from?: number | undefined };

function withoutFrom(inputs: readonly (readonly number[])[]): ScoredInput[] {
  return inputs.map((ids) => ({ ids }));
}

type Hear = (event: Exclude<ThreadEvent, { type: "end" }>) => void;

/** What is asked of the thread, and what becomes of what it tells. */
interface Asking {
  readonly request: Request;
  readonly hear: Hear;
}

/** Tells the caller how far a call is. */
function progressOf({ onProgress }: Pick<GenerateOptions, "onProgress">, asked: readonly AskedPrompt[]): Hear {
  const total = asked.reduce((count, { samples }) => count + samples.length, 0);
  let progress: GenerateProgress = { done: 0, total, promptTokens: 0, newTokens: 0 };
  const move = (change: Partial<GenerateProgress>) => {
    progress = { ...progress, ...change };
    onProgress?.(progress);
  };
  return (event) => {
    if (event.type === "answer" || event.type === "next") move({ done: progress.done + 1 });
    else if (event.type === "counts") move({ promptTokens: event.promptTokens, newTokens: event.newTokens });
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
    opened,
  }: {
    readonly n: number;
    readonly skip: GenerateOptions["skip"];
    readonly draws: GenerateOptions["draws"];
    readonly variants: readonly number[];
    readonly opened: Variants;
  },
): AskedPrompt[] {
  if (!Array.isArray(prompts)) throw new RetemperError("USAGE", "generate takes a list of prompts");
  const all = Array.from({ length: n }, (_, sample) => sample);
  return prompts.flatMap((prompt: Prompt, index) =>
    variants.flatMap((variant) => {
      const of = { index, ...whichVariant(opened, variant) };
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
