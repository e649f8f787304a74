// An answer in the making: one sample of a prompt, from its first new token to the one that ends it.

import type { StreamDecoder } from "../../tokenizer/streamDecoder.js";
import { notFinite } from "../sampling/warp.js";
import type { TokenLogprob } from "../types.js";
import type { FinishedAnswer, GenerateWork, Job, PromptWork, TokenChance } from "./job.js";
import { logProbability, mostProbable } from "./logSoftmax.js";
import type { Prefix } from "./prefix.js";
import type { Reading } from "./reading.js";

/** Chooses the tokens of one sample, one after the other. */
export interface Sampler {
  /** The next token, given the logits after the last one, which are left as they are. */
  next(logits: Float32Array): number;
}

export class Sequence implements Reading {
  readonly job: Job;
  readonly prefix: Prefix;
  readonly sample: number;
  slot = -1;
  done: number;
  readonly #work: GenerateWork;
  readonly #sampler: Sampler;
  /** Absent where text is made when the answer ends. */
  readonly #text: StreamDecoder | undefined;
  readonly #ids: number[] = [];
  readonly #logprobs: number[] | undefined;
  readonly #topLogprobs: TokenLogprob[][] | undefined;
  #finish: "stop" | "length" | undefined;

  constructor(
    prefix: Prefix,
    work: GenerateWork,
    sample: number,
    parts: { readonly sampler: Sampler; readonly text: StreamDecoder | undefined },
  ) {
    this.job = prefix.job;
    this.prefix = prefix;
    this.sample = sample;
    this.done = prefix.length;
    this.#work = work;
    this.#sampler = parts.sampler;
    this.#text = parts.text;
    this.#logprobs = work.settings.logprobs ? [] : undefined;
    this.#topLogprobs = work.settings.topLogprobs > 0 ? [] : undefined;
  }

  get prompt(): PromptWork {
    return this.prefix.prompt;
  }

  get variant(): number {
    return this.prefix.variant;
  }

  get length(): number {
    return this.prefix.length + this.#ids.length;
  }

  at(position: number): number {
    const fromPrompt = this.prefix.length;
    return position < fromPrompt ? this.prefix.at(position) : (this.#ids[position - fromPrompt] as number);
  }

  get finished(): boolean {
    return this.#finish !== undefined;
  }

  /**
   * Chooses the next token from the logits after the last one, which are left as they are.
   * @throws RetemperError BAD_INPUT where none can be chosen, or its probability, which was asked for, is no number
   */
  take(logits: Float32Array): void {
    const id = this.#sampler.next(logits);
    this.#ids.push(id);
    if (this.#logprobs) {
      const logprob = logProbability(logits, id);
      if (Number.isNaN(logprob)) throw notFinite();
      this.#logprobs.push(logprob);
    }
    this.#topLogprobs?.push(mostProbable(logits, this.#work.settings.topLogprobs));
    this.job.newTokens += 1;
    this.job.moved = true;
    let text = this.#text?.push(id) ?? "";
    if (this.#text?.stopped || this.#work.stopTokens.has(id)) this.#finish = "stop";
    else if (this.#ids.length >= this.prompt.maxNewTokens) this.#finish = "length";
    if (this.#finish !== undefined) text += this.#text?.end() ?? "";
    this.#work.events.piece?.(this.prompt, this.sample, id, text, this.#chance());
  }

  /** Of the last token. */
  #chance(): TokenChance {
    const [logprob, topLogprobs] = [this.#logprobs?.at(-1), this.#topLogprobs?.at(-1)];
    return { ...(logprob !== undefined && { logprob }), ...(topLogprobs !== undefined && { topLogprobs }) };
  }

  /** The answer, once it is finished. `decode` gives the text where it was not made on the way. */
  answer(decode: (ids: readonly number[]) => string): FinishedAnswer {
    return {
      prompt: this.prompt,
      sample: this.sample,
      ids: this.#ids,
      text: this.#text?.text ?? decode(this.#ids),
      finish: this.#finish ?? "length",
      logprobs: this.#logprobs,
      topLogprobs: this.#topLogprobs,
    };
  }
}
