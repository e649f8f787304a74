// The strip over all lambdas: how probable a refusal is at the beginning of the answer.

import { signal } from "@preact/signals";
import type { PlayFacts } from "../types.js";
import type { Api } from "./api.js";
import type { Question } from "./asking.js";
import { evenly } from "./columns.js";

export interface StripValues {
  readonly asked: string;
  readonly lambdas: readonly number[];
  readonly refusal: readonly number[];
  readonly phrases: number;
}

/** Lambdas of a strip, ends included. */
const POINTS = 21;

export class Strip {
  readonly values = signal<StripValues | undefined>(undefined);
  readonly working = signal(false);
  /** Whether the reader wants it: it reads the prompt once for each lambda. */
  readonly wanted = signal(true);
  readonly #api: Api;
  #abort = new AbortController();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Works it out, unless it is there. What was asked before is given up. */
  async show({ lambdaRange }: PlayFacts, { asked, messages, prompt }: Question): Promise<void> {
    if (!lambdaRange || !this.wanted.value || this.values.value?.asked === asked) return;
    this.stop();
    const { signal } = this.#abort;
    const lambdas = evenly(lambdaRange, POINTS);
    this.working.value = true;
    try {
      const { refusal, phrases } = await this.#api.refusals({ messages, prompt, lambdas }, signal);
      if (!signal.aborted) this.values.value = { asked, lambdas, refusal, phrases };
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (!signal.aborted) this.working.value = false;
    }
  }

  /** Another question comes: what is shown is not of it. */
  forget(): void {
    this.stop();
    this.values.value = undefined;
  }

  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.working.value = false;
  }
}
