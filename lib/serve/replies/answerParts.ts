// Between a model, which never waits, and a connection, which may be slow: what has not been sent yet. Pieces that come while
// a client does not read become one, so that what is kept for it is never more than its answers.

import type { Generation, GenerationPiece, TokenLogprob } from "../../generate/types.js";
import type { ChoicePart } from "./replyShape.js";

interface Pending {
  text: string;
  readonly ids: number[];
  readonly logprobs: number[];
  readonly topLogprobs: (readonly TokenLogprob[])[];
  finish: "stop" | "length" | undefined;
}

export class AnswerParts {
  readonly #n: number;
  readonly #details: { readonly logprobs: boolean; readonly tokenIds: boolean };
  #pending = new Map<number, Pending>();
  /** Whether any of it is worth a part. */
  #ready = false;
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** @param n Samples of each prompt. */
  constructor(n: number, details: { readonly logprobs: boolean; readonly tokenIds: boolean }) {
    this.#n = n;
    this.#details = details;
  }

  piece({ index, sample, id, text, logprob, topLogprobs }: GenerationPiece): void {
    const pending = this.#of(index * this.#n + sample);
    const { logprobs, tokenIds } = this.#details;
    pending.text += text;
    if (logprobs || tokenIds) pending.ids.push(id);
    if (logprobs && logprob !== undefined) pending.logprobs.push(logprob);
    if (topLogprobs !== undefined) pending.topLogprobs.push(topLogprobs);
    if (text !== "" || logprobs || tokenIds) this.#tell();
  }

  answer({ index, sample, finish }: Pick<Generation, "index" | "sample" | "finish">): void {
    this.#of(index * this.#n + sample).finish = finish;
    this.#tell();
  }

  end(): void {
    this.#ended ??= {};
    this.#wake?.();
  }

  /** What was not sent yet is sent before the failure is. */
  fail(error: unknown): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** All that came since the last call; undefined at the end. Rejects with the failure. One reader. */
  async next(): Promise<readonly ChoicePart[] | undefined> {
    for (;;) {
      if (this.#ready) return this.#take();
      if (this.#ended) {
        if ("error" in this.#ended) throw this.#ended.error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #of(place: number): Pending {
    let pending = this.#pending.get(place);
    if (pending === undefined) {
      pending = { text: "", ids: [], logprobs: [], topLogprobs: [], finish: undefined };
      this.#pending.set(place, pending);
    }
    return pending;
  }

  #take(): readonly ChoicePart[] {
    const taken = [...this.#pending].map(([place, { logprobs, topLogprobs, ...pending }]): ChoicePart => {
      const told = this.#details.logprobs
        ? { logprobs, topLogprobs: topLogprobs.length > 0 ? topLogprobs : undefined }
        : { logprobs: undefined, topLogprobs: undefined };
      return { place, ...pending, ...told };
    });
    this.#pending = new Map();
    this.#ready = false;
    return taken;
  }

  #tell(): void {
    this.#ready = true;
    this.#wake?.();
  }
}
