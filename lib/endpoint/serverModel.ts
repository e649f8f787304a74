// A model behind a server: asks for many answers at once, and gives them as they come.

import { setMaxListeners } from "node:events";
import { RetemperError } from "../errors.js";
import { type GenerateSettings, settingsOf } from "../generate/settings.js";
import type { EngineFacts, GenerateOptions, GenerateProgress, Generation, Prompt } from "../generate/types.js";
import { askServer } from "./askServer.js";
import type { Endpoint } from "./endpoint.js";
import { RequestFailure } from "./failure.js";
import { type Question, questionsOf } from "./questions.js";
import type { Server } from "./sendRequest.js";
import { Slots } from "./slots.js";

/** What one question came to: its answers, and what is missing. */
interface Outcome {
  readonly number: number;
  readonly answers: readonly Generation[];
  readonly failure?: { readonly sample: number; readonly error: unknown };
}

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
    if (options.lambda !== undefined) throw new RetemperError("USAGE", "an endpoint has no lambda");
    const questions = questionsOf(prompts, settings, options);
    const end = new AbortController();
    const signals = [end.signal, this.#closed.signal, ...(signal ? [signal] : [])];
    const either = AbortSignal.any(signals);
    // Each request listens to it.
    setMaxListeners(0, either);
    const work = new Work(this.#server, this.#slots, {
      options,
      settings,
      extra: this.#extra,
      total: questions.reduce((count, { asked, copies }) => count + Math.max(asked.count, copies.length), 0),
      signal: either,
    });
    const running = new Map<number, Promise<Outcome>>();
    const limit = Math.min(settings.batch ?? this.#concurrency, this.#concurrency);
    try {
      for (let next = 0; next < questions.length || running.size > 0; ) {
        while (next < questions.length && running.size < limit) {
          const number = next++;
          running.set(number, work.ask(number, questions[number] as Question));
        }
        const { number, answers, failure } = await Promise.race(running.values());
        running.delete(number);
        yield* answers;
        if (failure === undefined) continue;
        const { error, sample } = failure;
        if (!(error instanceof RequestFailure)) throw error;
        if (error.outlook === "all" || onFailure === undefined) throw error.error;
        const { asked } = questions[number] as Question;
        onFailure({ index: asked.index, sample, error: error.error });
      }
    } finally {
      end.abort(new Error("the iteration has ended"));
      await Promise.allSettled(running.values());
    }
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
  async ask(number: number, { asked, copies }: Question): Promise<Outcome> {
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
      return { number, answers, failure: { sample: asked.first + answers.length, error } };
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
