// Lets requests begin while there are slots for their answers; the others wait in turn, and those for which there is no
// place in the queue are refused.

import { ApiError } from "./apiError.js";

interface Waiting {
  readonly weight: number;
  readonly begin: () => void;
}

/** Bounds of what a client is told to wait, in seconds. */
const LEAST_PAUSE = 1;
const LONGEST_PAUSE = 60;

/** How much a new duration weighs in the mean. */
const NEWEST = 0.2;

export class RequestQueue {
  readonly slots: number;
  readonly #places: number;
  readonly #queue: Waiting[] = [];
  #taken = 0;
  /** Mean seconds that a request held its slots. */
  #mean = 0;

  constructor({ slots, queue }: { readonly slots: number; readonly queue: number }) {
    this.slots = slots;
    this.#places = queue;
  }

  /** Slots in use. */
  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Waits for `answers` slots (all of them for more); gives the function that gives them back.
   * @throws ApiError 429 when the queue is full. Rejects with the signal's reason.
   */
  async enter(answers: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const weight = Math.min(answers, this.slots);
    if (this.#queue.length === 0 && this.#taken + weight <= this.slots) return this.#take(weight);
    if (this.#queue.length >= this.#places) {
      const headers = { "retry-after": String(this.#pause()) };
      const message = `the server is busy: ${this.#queue.length} requests wait already`;
      throw new ApiError(429, message, { code: "queue_full", headers });
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal.reason);
        this.#admit(); // it may have held up smaller ones
      };
      const waiting = {
        weight,
        begin: () => {
          signal.removeEventListener("abort", onAbort);
          resolve(this.#take(weight));
        },
      };
      this.#queue.push(waiting);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #take(weight: number): () => void {
    this.#taken += weight;
    const since = performance.now();
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken -= weight;
      const seconds = (performance.now() - since) / 1000;
      this.#mean = this.#mean === 0 ? seconds : this.#mean + NEWEST * (seconds - this.#mean);
      this.#admit();
    };
  }

  /** Strictly in turn, so that no request with many answers is passed by for ever. */
  #admit(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#taken + next.weight > this.slots) return;
      this.#queue.shift();
      next.begin();
    }
  }

  /** Seconds until there may be a place: the queue's length in turns of all slots. */
  #pause(): number {
    const answers = this.#queue.reduce((sum, { weight }) => sum + weight, 0);
    const seconds = Math.ceil((this.#mean * (this.slots + answers)) / this.slots);
    return Math.min(LONGEST_PAUSE, Math.max(LEAST_PAUSE, seconds));
  }
}
