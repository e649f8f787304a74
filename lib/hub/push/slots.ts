// So many things at a time, until one of them fails.

/** Runs what it is given, at most `most` at once, the others in the order in which they came. */
export class Slots {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;
  #stopped: { readonly error: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** What has not begun fails with this error; what goes on is let end. */
  stop(error: unknown): void {
    this.#stopped ??= { error };
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#most) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#taken++;
    try {
      if (this.#stopped) throw this.#stopped.error;
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken--;
    }
  }
}
