// A model whose work is done by its thread: what `openModel` gives.

import type { NativePlan } from "../../addon/nativePlan.js";
import { RetemperError } from "../../errors.js";
import type { OpenVirtualMerge } from "../../merge/virtualMerge.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { namedTokens } from "../loop/namedTokens.js";
import { settingsOf } from "../settings.js";
import type {
  ChosenVariants,
  ContinuationScore,
  ContinuedInput,
  EngineFacts,
  GenerateOptions,
  Generation,
  Model,
  ModelDescription,
  NextLogprobs,
  NextLogprobsOptions,
  Prompt,
  ScoringOptions,
  TokenName,
} from "../types.js";
import { chosenVariants, oneVariant } from "../virtual/chosenVariants.js";
import { AnswerQueue } from "./answerQueue.js";
import { type AskedVariant, type Asking, askedPrompts, progressOf } from "./asking.js";
import type { ScoreRequest } from "./messages.js";
import type { ModelThread } from "./modelThread.js";
import { VariantPlaces } from "./variantPlaces.js";

type VariableMerge = Pick<OpenVirtualMerge, "planAt" | "addAdapter">;

export class ThreadModel implements Model {
  readonly tokenizer: Tokenizer;
  readonly #thread: ModelThread;
  readonly #places: VariantPlaces;

  readonly #merge: VariableMerge | undefined;
  /** Names of adapters that were added. */
  #added: readonly string[] = [];
  /** Adapters are added one after the other. */
  #adding: Promise<unknown> = Promise.resolve();

  /** @param merge of a virtual merge: plans of variants that it was not opened with */
  constructor(thread: ModelThread, tokenizer: Tokenizer, merge?: VariableMerge) {
    this.#thread = thread;
    this.#merge = merge;
    this.tokenizer = tokenizer;
    const { lambdas, variants } = thread.facts;
    this.#places = new VariantPlaces(lambdas?.length ?? variants ?? 1, (variant, point) => {
      if (!merge) throw new RetemperError("INTERNAL", "the model takes no further variants");
      return this.#setVariant(variant, merge.planAt(point));
    });
  }

  get facts(): EngineFacts {
    const { facts } = this.#thread;
    if (this.#added.length === 0) return facts;
    return { ...facts, weightNames: [...(facts.weightNames ?? []), ...this.#added] };
  }

  get stopTokens(): readonly number[] {
    return this.#thread.bounds.stopTokens;
  }

  get contextLength(): number {
    return this.#thread.bounds.contextLength;
  }

  /** Work starts when the first answer is asked for, and ends when the iteration does, however it ends. */
  generate(prompts: readonly Prompt[], options: GenerateOptions = {}): AsyncGenerator<Generation, void, void> {
    return this.#answers(options, (queue, variants) => this.#toGenerate(prompts, options, queue, variants));
  }

  nextLogprobs(
    prompts: readonly Prompt[],
    tokens: readonly (readonly TokenName[])[] | "all" = "all",
    options: NextLogprobsOptions = {},
  ): AsyncGenerator<NextLogprobs, void, void> {
    return this.#answers(options, (queue, variants) => {
      const { batch } = settingsOf({ batch: options.batch });
      const asked = askedPrompts(prompts, { n: 1, skip: undefined, draws: undefined, variants });
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

  #toGenerate(
    prompts: readonly Prompt[],
    options: GenerateOptions,
    queue: AnswerQueue<Generation>,
    variants: readonly AskedVariant[],
  ): Asking {
    const settings = settingsOf(options);
    const { skip, draws } = options;
    const asked = askedPrompts(prompts, { n: settings.n, skip, draws, variants });
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
    { signal, ...which }: Pick<GenerateOptions, "signal" | keyof ChosenVariants>,
    ask: (queue: AnswerQueue<T>, variants: readonly AskedVariant[]) => Asking,
  ): AsyncGenerator<T, void, void> {
    signal?.throwIfAborted();
    const chosen = chosenVariants(this.facts, which);
    const { variants, release } = await this.#places.hold(chosen, signal);
    try {
      const asked = chosen.map(({ whose }, at) => ({ whose, variant: variants[at] as number }));
      yield* this.#heard(signal, (queue: AnswerQueue<T>) => ask(queue, asked));
    } finally {
      release();
    }
  }

  async *#heard<T>(
    signal: AbortSignal | undefined,
    ask: (queue: AnswerQueue<T>) => Asking,
  ): AsyncGenerator<T, void, void> {
    signal?.throwIfAborted(); // it waited for its variants
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

  addAdapter(path: string): Promise<string> {
    const added = this.#adding.then(async () => {
      if (!this.#merge) throw new RetemperError("USAGE", "this model is no merge, so no adapter can be added to it");
      const name = await this.#merge.addAdapter(path);
      this.#added = [...this.#added, name];
      return name;
    });
    this.#adding = added.catch(() => {});
    return added;
  }

  describe(): ModelDescription {
    return this.#thread.description;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  /** Rejects where the thread could not set it; calls that want it hear the same. */
  #setVariant(variant: number, plan: NativePlan): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#thread.call(
        { type: "variant", variant, plan },
        { event: () => {}, ended: (error) => (error === undefined ? resolve() : reject(error)) },
      );
    });
  }

  async #score(
    what: ScoreRequest["what"],
    inputs: readonly ScoredInput[],
    { signal, ...which }: ScoringOptions,
  ): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    const ofCall = ({ lambda, weights, variant }: ScoredInput) =>
      lambda === undefined && weights === undefined && variant === undefined;
    const chosen = inputs.map((input) => oneVariant(this.facts, ofCall(input) ? which : input));
    const ids = inputs.map((input) => input.ids);
    const from = inputs.map((input) => input.from);
    const { variants, release } = await this.#places.hold(chosen, signal);
    try {
      return await this.#scores({ type: "score", what, inputs: ids, variants, from }, signal);
    } finally {
      release();
    }
  }

  async #scores(request: Omit<ScoreRequest, "call">, signal: AbortSignal | undefined): Promise<Float32Array[]> {
    signal?.throwIfAborted(); // it waited for its variants
    const { promise, resolve, reject } = withResolvers<Float32Array[]>();
    const call = this.#thread.call(request, {
      event: (event) => {
        if (event.type === "scores") resolve([...event.scores]);
      },
      ended: (error) => {
        if (error !== undefined) reject(error);
      },
    });
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
type ScoredInput = Pick<ContinuedInput, "ids" | "lambda" | "weights" | "variant"> & {
  readonly from?: number | undefined;
};

function withoutFrom(inputs: readonly (readonly number[])[]): ScoredInput[] {
  return inputs.map((ids) => ({ ids }));
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
