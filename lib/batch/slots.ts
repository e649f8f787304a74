// Lets a fixed number of merges run at a time; of those that wait, the first of the batch comes next.

interface Waiting {
  readonly priority: number;
  readonly start: () => void;
}

export class Slots {
  #free: number;
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` as soon as a slot is free. The lowest priority goes first, equal ones in the order in which they came. */
  async run<T>(priority: number, work: () => Promise<T>): Promise<T> {
    await this.#acquire(priority);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  async #acquire(priority: number): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((start) => {
      const after = this.#waiting.findIndex((other) => other.priority > priority);
      this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, { priority, start });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next.start();
    else this.#free += 1;
  }
}
