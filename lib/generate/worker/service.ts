// The model's side of the channel: takes requests, drives the loop, and tells what each step brought about.

import { setImmediate } from "node:timers/promises";
import type { Decoder } from "../../nn/decoder.js";
import { toWire } from "../../threads/wireError.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { GenerationLoop } from "../loop/generationLoop.js";
import type { Job, PromptWork, TokenChance } from "../loop/job.js";
import { logProbabilities } from "../loop/logSoftmax.js";
import { alikeTogether, longFirst, prepareInput, prepareNext, preparePrompt } from "../loop/preparePrompts.js";
import type {
  FromThread,
  GenerateRequest,
  NextRequest,
  ScoreRequest,
  ThreadEvent,
  ToThread,
  VariantRequest,
} from "./messages.js";
import { scoresOf } from "./scoresOf.js";

/** Answers that may wait for their caller before nothing new is begun for it. */
const MOST_UNTAKEN = 512;
/** Bytes of whole distributions that may wait likewise. */
const MOST_UNTAKEN_BYTES = 64 * 2 ** 20;

/** Prompts are encoded for this long before other requests, such as a cancel, get their turn; in milliseconds. */
const PATIENCE = 20;

/** Counts are told this often, in milliseconds. */
const COUNT_INTERVAL = 100;

interface Call {
  job: Job | undefined;
  /** Answers that the caller has not taken. */
  untaken: number;
  cancelled: boolean;
}

export interface ServiceParts {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly loop: GenerationLoop;
  send(message: FromThread, transfer?: readonly ArrayBuffer[]): void;
}

export class ModelService {
  readonly #parts: ServiceParts;
  readonly #calls = new Map<number, Call>();
  /** Variants that could not be set, and why. */
  readonly #unset = new Map<number, unknown>();
  #events: ThreadEvent[] = [];
  #transfer: ArrayBuffer[] = [];
  #driving = false;
  /** Whether there was a request since the last step began. */
  #news = false;
  #closing = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  receive(message: ToThread): void {
    if (message.type === "taken") this.#taken(message.call, message.count);
    else if (message.type === "cancel") this.#cancel(message.call);
    else if (message.type === "close") this.#close();
    else if (message.type === "variant") this.#setVariant(message);
    else void this.#begin(message);
  }

  /** Messages come between steps, so nothing computes meanwhile. What fails is told to the calls that want the variant. */
  #setVariant({ call, variant, plan }: VariantRequest): void {
    const { decoder, loop } = this.#parts;
    this.#calls.set(call, { job: undefined, untaken: 0, cancelled: false });
    this.#unset.delete(variant);
    try {
      loop.forget(variant);
      decoder.setVariant?.(variant, plan);
      this.#end(call);
    } catch (error) {
      this.#unset.set(variant, error);
      this.#end(call, error);
    }
    this.#flush();
  }

  async #begin(request: GenerateRequest | NextRequest | ScoreRequest): Promise<void> {
    const call: Call = { job: undefined, untaken: 0, cancelled: false };
    this.#calls.set(request.call, call);
    try {
      const variants = request.type === "score" ? request.variants : request.prompts.map(({ variant = 0 }) => variant);
      const missing = variants.find((variant) => this.#unset.has(variant));
      if (missing !== undefined) throw this.#unset.get(missing);
      if (request.type === "generate") await this.#generate(request, call);
      else if (request.type === "next") await this.#next(request, call);
      else await this.#score(request, call);
      void this.#drive();
    } catch (error) {
      this.#end(request.call, error);
      this.#flush();
    }
  }

  async #generate(request: GenerateRequest, call: Call): Promise<void> {
    const { decoder, tokenizer, loop } = this.#parts;
    const { settings, call: id } = request;
    const own = settings.ignoreEos ? [] : decoder.spec.stopTokens;
    const prompts = await this.#prepared(request.prompts, call, (asked) =>
      preparePrompt(asked, tokenizer, decoder.spec, settings),
    );
    if (!prompts) return;
    longFirst(prompts);
    call.job = loop.submit({
      kind: "generate",
      prompts,
      batch: settings.batch,
      settings,
      stopTokens: new Set([...own, ...settings.stopTokens]),
      wanting: () => call.untaken < MOST_UNTAKEN,
      events: {
        answer: ({ prompt, logprobs, topLogprobs, ...rest }) => {
          call.untaken += 1;
          const { index, whose, ids } = prompt;
          const answer = { index, ...whose, ...rest, promptTokens: ids.length };
          const told = { ...(logprobs && { logprobs }), ...(topLogprobs && { topLogprobs }) };
          this.#events.push({ type: "answer", call: id, answer: { ...answer, ...told } });
        },
        ...(request.pieces && {
          piece: (of: PromptWork, sample: number, token: number, text: string, told: TokenChance) => {
            const piece = { index: of.index, sample, ...of.whose, id: token, text, ...told };
            this.#events.push({ type: "piece", call: id, ...piece });
          },
        }),
        ...(request.counts && { counted: this.#counter(id, call) }),
        end: () => this.#end(id),
        failed: (error) => this.#end(id, error),
      },
    });
  }

  async #next({ call: id, prompts: asked, tokens, batch, counts }: NextRequest, call: Call): Promise<void> {
    const { decoder, tokenizer, loop } = this.#parts;
    const prompts = await this.#prepared(asked, call, (one) => prepareNext(one, tokenizer, decoder.spec, tokens));
    if (!prompts) return;
    alikeTogether(prompts);
    const distributions = Math.max(1, Math.floor(MOST_UNTAKEN_BYTES / (4 * decoder.spec.vocabulary)));
    const most = tokens === "all" ? Math.min(MOST_UNTAKEN, distributions) : MOST_UNTAKEN;
    call.job = loop.submit({
      kind: "next",
      prompts,
      batch,
      wanting: () => call.untaken < most,
      events: {
        last: ({ index, ids, whose }, logits) => {
          call.untaken += 1;
          const logprobs = logProbabilities(logits, tokens === "all" ? tokens : (tokens[index] as readonly number[]));
          const next = { index, ...whose, logprobs, promptTokens: ids.length };
          this.#events.push({ type: "next", call: id, next });
          this.#transfer.push(logprobs.buffer);
        },
        ...(counts && { counted: this.#counter(id, call) }),
        end: () => this.#end(id),
        failed: (error) => this.#end(id, error),
      },
    });
  }

  async #score(request: ScoreRequest, call: Call): Promise<void> {
    const { decoder, loop } = this.#parts;
    const { call: id, inputs, from, variants } = request;
    const prompts = await this.#prepared([...inputs.entries()], call, ([index, input]) =>
      prepareInput(index, input, decoder.spec, variants[index], { from: from[index] }),
    );
    if (!prompts) return;
    const { scores, rows } = scoresOf(prompts, request, decoder.spec.vocabulary);
    call.job = loop.submit({
      kind: "score",
      prompts,
      batch: undefined,
      wanting: () => true,
      events: {
        rows,
        end: () => {
          this.#events.push({ type: "scores", call: id, scores });
          for (const { buffer } of scores) this.#transfer.push(buffer);
          this.#end(id);
        },
        failed: (error) => this.#end(id, error),
      },
    });
  }

  /** Tells how far a call is, now and then. */
  #counter(id: number, call: Call): (promptTokens: number, newTokens: number) => void {
    let told = Number.NEGATIVE_INFINITY;
    return (promptTokens, newTokens) => {
      const now = performance.now();
      if (now - told < COUNT_INTERVAL && call.job?.left !== 0) return;
      told = now;
      this.#events.push({ type: "counts", call: id, promptTokens, newTokens });
    };
  }

  /** Each item as the loop takes it; undefined where the call was cancelled meanwhile. */
  async #prepared<T>(
    items: readonly T[],
    call: Call,
    prepare: (item: T) => PromptWork,
  ): Promise<PromptWork[] | undefined> {
    const prompts: PromptWork[] = [];
    let since = performance.now();
    for (const item of items) {
      prompts.push(prepare(item));
      if (performance.now() - since < PATIENCE) continue;
      await setImmediate();
      if (call.cancelled) return undefined;
      since = performance.now();
    }
    return call.cancelled ? undefined : prompts;
  }

  /** Steps while there is something to compute; requests get their turn between steps. */
  async #drive(): Promise<void> {
    this.#news = true;
    if (this.#driving) return;
    this.#driving = true;
    for (let more = true; (more || this.#news) && !this.#closing; ) {
      this.#news = false;
      more = this.#parts.loop.step();
      this.#flush();
      await setImmediate();
    }
    this.#driving = false;
    if (this.#closing) this.#dispose();
  }

  #taken(id: number, count: number): void {
    const call = this.#calls.get(id);
    if (!call) return;
    call.untaken -= count;
    void this.#drive();
  }

  #cancel(id: number): void {
    const call = this.#calls.get(id);
    if (!call) return;
    call.cancelled = true;
    if (call.job) this.#parts.loop.cancel(call.job);
    this.#calls.delete(id);
    void this.#drive(); // what it held is free for others
  }

  #end(id: number, error?: unknown): void {
    if (!this.#calls.delete(id)) return;
    this.#events.push({ type: "end", call: id, ...(error !== undefined && { error: toWire(error) }) });
  }

  #flush(): void {
    if (this.#events.length === 0) return;
    this.#parts.send({ type: "events", events: this.#events }, this.#transfer);
    this.#events = [];
    this.#transfer = [];
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const call of this.#calls.values()) call.cancelled = true;
    if (!this.#driving) this.#dispose();
  }

  #dispose(): void {
    this.#parts.loop.dispose();
    this.#parts.decoder.dispose();
    this.#parts.send({ type: "closed" });
  }
}
