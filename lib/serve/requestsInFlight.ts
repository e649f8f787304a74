// Requests whose reply is not complete: each has a signal, aborted when its client leaves, or when the server cannot wait
// for it any longer.

import type { ServerResponse } from "node:http";
import { ApiError } from "./apiError.js";

export class RequestsInFlight {
  readonly #controllers = new Set<AbortController>();
  #draining = false;
  #onEmpty: (() => void) | undefined;

  get count(): number {
    return this.#controllers.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** @throws ApiError 503 while the server is being stopped. */
  refuseWhenDraining(): void {
    if (!this.#draining) return;
    const headers = { connection: "close", "retry-after": "5" };
    throw new ApiError(503, "the server is shutting down", { code: "shutting_down", headers });
  }

  /** Counts a request until its connection has taken the whole reply, or is gone. */
  begin(response: ServerResponse): AbortSignal {
    this.refuseWhenDraining();
    const controller = new AbortController();
    const gone = () => controller.abort(new ApiError(499, "the client has left"));
    if (response.destroyed) {
      gone();
      return controller.signal;
    }
    this.#controllers.add(controller);
    response.once("close", () => {
      this.#controllers.delete(controller);
      if (!response.writableFinished) gone();
      if (this.#controllers.size === 0) this.#onEmpty?.();
    });
    return controller.signal;
  }

  /** Lets nothing new begin, and waits for what has begun; aborts what has not ended after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    await this.#ended(graceMs);
    for (const controller of this.#controllers) {
      controller.abort(new ApiError(503, "the server was stopped", { code: "shutting_down" }));
    }
    await this.#ended(LAST_WORDS);
  }

  /** Whether all requests end within the time. */
  #ended(ms: number): Promise<void> {
    if (this.#controllers.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** How long clients have to take the news that the server stops, in milliseconds. */
const LAST_WORDS = 1000;
