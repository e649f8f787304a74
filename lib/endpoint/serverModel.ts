// A model behind a server: asks for many answers at once, and gives them as they come.

import { setMaxListeners } from "node:events";
import { RetemperError } from "../errors.js";
import { type GenerateSettings, settingsOf } from "../generate/settings.js";
import type {
  EngineFacts,
  GenerateOptions,
  GenerateProgress,
  Generation,
  NextLogprobs,
  NextLogprobsOptions,
  Prompt,
  TokenName,
} from "../generate/types.js";
import { askAll, type Outcome } from "./askAll.js";
import { askServer } from "./askServer.js";
import type { Endpoint } from "./endpoint.js";
import { nextTokenBody, readNextTokens } from "./nextTokens.js";
import { nextQuestions, type Question, questionsOf } from "./questions.js";
import { type Server, sendRequest, textOf } from "./sendRequest.js";
import { Slots } from "./slots.js";

export class ServerModel implements Endpoint {
  readonly facts: EngineFacts;
  readonly #server: Server;
  readonly #slots: Slots;
  readonly #concurrency: number;
  readonly #extra: object;
  readonly #closed = new AbortController();

  constructor({ server, concurrency, extra }: { server: Server; concurrency: number; extra: object }) {
    this.#server = server;
    this.#slots = new Slots(concurrency);
    this.#concurrency = concurrency;
    this.#extra = extra;
    this.facts = { engine: "endpoint", model: server.model, versions: {}, device: server.address.shown, gpu: false };
  }

  /** Work starts when the first answer is asked for, and ends when the iteration does, however it ends. */
  async *generate(prompts: readonly Prompt[], options: GenerateOptions = {}): AsyncGenerator<Generation, void, void> {
    const { signal, onFailure } = options;
    signal?.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    const settings = settingsOf(options);
    refuseVariants(options);
    if (settings.topLogprobs > 0) {
      throw new RetemperError("USAGE", "an endpoint tells the most probable tokens of one place only", {
        hint: "ask for them with nextLogprobs",
      });
    }
    const questions = questionsOf(prompts, settings, options);
    const { either, end } = this.#signals(signal);
    const work = new Work(this.#server, this.#slots, {
      options,
      settings,
      extra: this.#extra,
      total: questions.reduce((count, { asked, copies }) => count + Math.max(asked.count, copies.length), 0),
      signal: either,
    });
    yield* askAll(questions.length, Math.min(settings.batch ?? this.#concurrency, this.#concurrency), {
      ask: (number) => work.ask(number, questions[number] as Question),
      end,
      onFailure,
    });
  }

  async *nextLogprobs(
    prompts: readonly Prompt[],
    tokens: readonly (readonly TokenName[])[] | "all" = "all",
    options: NextLogprobsOptions = {},
  ): AsyncGenerator<NextLogprobs, void, void> {
    const { signal, onFailure, onProgress } = options;
    signal?.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    const { batch = this.#concurrency } = settingsOf({ batch: options.batch });
    refuseVariants(options);
    const questions = nextQuestions(prompts, tokens);
    const { either, end } = this.#signals(signal);
    let progress: GenerateProgress = { done: 0, total: questions.length, promptTokens: 0, newTokens: 0 };
    const ask = async (number: number): Promise<Outcome<NextLogprobs>> => {
      const { prompt, names } = questions[number] as (typeof questions)[number];
      try {
        const body = nextTokenBody(prompt, { model: this.#server.model, extra: this.#extra });
        const read = async (chunks: AsyncIterable<Uint8Array>) =>
          readNextTokens(await textOf(chunks), names, this.#server.address.shown);
        const found = await this.#slots.run(either, () => sendRequest(this.#server, body, read, either));
        const promptTokens = progress.promptTokens + found.promptTokens;
        progress = { ...progress, done: progress.done + 1, promptTokens };
        onProgress?.(progress);
        return { number, answers: [{ index: number, ...found }] };
      } catch (error) {
        return { number, answers: [], failure: { index: number, sample: 0, error } };
      }
    };
    yield* askAll(questions.length, Math.min(batch, this.#concurrency), {
      ask,
      end,
      onFailure,
    });
  }

  /** Aborted when the caller, the iteration (which calls `end`) or the endpoint ends. */
  #signals(signal: AbortSignal | undefined): { readonly either: AbortSignal; readonly end: () => void } {
    const iteration = new AbortController();
    const either = AbortSignal.any([iteration.signal, this.#closed.signal, ...(signal ? [signal] : [])]);
    // Each request listens to it.
    setMaxListeners(0, either);
    return { either, end: () => iteration.abort(new Error("the iteration has ended")) };
  }

  async close(): Promise<void> {
    this.#closed.abort(new RetemperError("USAGE", "the endpoint is closed"));
  }
}

interface Call {
  readonly options: GenerateOptions;
  readonly settings: GenerateSettings;
  readonly extra: object;
  /** Answers that are wanted. */
  readonly total: number;
  readonly signal: AbortSignal;
}

/** The questions of one call to `generate`, while they are asked. */
class Work {
  readonly #server: Server;
  readonly #slots: Slots;
  readonly #call: Call;
  #progress: GenerateProgress;

  constructor(server: Server, slots: Slots, call: Call) {
    this.#server = server;
    this.#slots = slots;
    this.#call = call;
    this.#progress = { done: 0, total: call.total, promptTokens: 0, newTokens: 0 };
  }

  /** Never rejects: what went wrong is part of the outcome. */
  async ask(number: number, { asked, copies }: Question): Promise<Outcome<Generation>> {
    const { settings, extra, signal } = this.#call;
    const { onToken } = this.#call.options;
    const answers: Generation[] = [];
    const { index } = asked;
    const copied =
      onToken &&
      ((piece: Parameters<typeof onToken>[0]) => {
        for (const sample of copies) onToken({ ...piece, sample });
      });
    try {
      await this.#slots.run(signal, () =>
        askServer(
          this.#server,
          asked,
          { settings, extra, onToken: copies.length > 0 ? copied : onToken, signal },
          ({ sample, logprobs, ...answer }, { promptTokens, newTokens }) => {
            const told = settings.logprobs ? { logprobs } : {};
            const samples = copies.length > 0 ? copies : [sample];
            for (const each of samples) answers.push({ index, sample: each, ...answer, ...told, promptTokens });
            this.#count(samples.length, answers.length === samples.length ? promptTokens : 0, newTokens);
          },
        ),
      );
      return { number, answers };
    } catch (error) {
      return { number, answers, failure: { index, sample: asked.first + answers.length, error } };
    }
  }

  #count(done: number, promptTokens: number, newTokens: number): void {
    const before = this.#progress;
    this.#progress = {
      ...before,
      done: before.done + done,
      promptTokens: before.promptTokens + promptTokens,
      newTokens: before.newTokens + newTokens,
    };
    this.#call.options.onProgress?.(this.#progress);
  }
}

function refuseVariants({ lambda, variant }: Pick<GenerateOptions, "lambda" | "variant">): void {
  if (lambda === undefined && variant === undefined) return;
  throw new RetemperError("USAGE", "an endpoint has no lambda and no variants");
}
