// Many questions to a server, some at once, and their answers as they come.

import type { GenerationFailure } from "../generate/types.js";
import { RequestFailure } from "./failure.js";

/** What one question came to: its answers, and what is missing. */
export interface Outcome<T> {
  readonly number: number;
  readonly answers: readonly T[];
  readonly failure?: { readonly index: number; readonly sample: number; readonly error: unknown };
}

/**
 * @param ask never rejects: what went wrong is part of the outcome
 * @param end stops what is being asked, when the iteration ends, however it ends
 * @throws what fails and is no failure of one request alone, or any failure where nobody hears of it
 */
export async function* askAll<T>(
  questions: number,
  limit: number,
  {
    ask,
    end,
    onFailure,
  }: {
    readonly ask: (number: number) => Promise<Outcome<T>>;
    readonly end: () => void;
    readonly onFailure: ((failure: GenerationFailure) => void) | undefined;
  },
): AsyncGenerator<T, void, void> {
  const running = new Map<number, Promise<Outcome<T>>>();
  try {
    for (let next = 0; next < questions || running.size > 0; ) {
      while (next < questions && running.size < limit) {
        const number = next++;
        running.set(number, ask(number));
      }
      const { number, answers, failure } = await Promise.race(running.values());
      running.delete(number);
      yield* answers;
      if (failure === undefined) continue;
      const { error, ...of } = failure;
      if (!(error instanceof RequestFailure)) throw error;
      if (error.outlook === "all" || onFailure === undefined) throw error.error;
      onFailure({ ...of, error: error.error });
    }
  } finally {
    end();
    await Promise.allSettled(running.values());
  }
}
