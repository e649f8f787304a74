// Results of one call between the thread that makes them and the loop that takes them.

/** Values in order, then an end or an error. One reader. */
export class AnswerQueue<T> {
  readonly #values: T[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  /** Nothing more comes. What is there can still be read. */
  end(): void {
    this.#ended ??= {};
    this.#wake?.();
  }

  /** Nothing more comes, and what is there is of no interest. */
  fail(error: unknown): void {
    this.#values.length = 0;
    this.#ended = { error };
    this.#wake?.();
  }

  /** The next value; undefined at the end. Rejects with the error. */
  async next(): Promise<T | undefined> {
    for (;;) {
      if (this.#values.length > 0) return this.#values.shift();
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
}
