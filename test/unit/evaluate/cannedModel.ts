// A text generator over a function: what unit tests of evaluation ask. Answers come in another order than they were asked.

import type { EngineFacts, GenerateOptions, Generation, Prompt, TextGenerator } from "../../../lib/generate/types.js";

export interface Asked {
  readonly prompt: Prompt;
  readonly options: GenerateOptions;
}

export class CannedModel implements TextGenerator {
  readonly facts: EngineFacts = {
    engine: "endpoint",
    model: "canned",
    versions: {},
    device: "test",
    gpu: false,
  };
  /** Every prompt that was asked, once for each sample and lambda. */
  readonly asked: Asked[] = [];
  readonly #answer: (prompt: string, sample: number, lambda: number | undefined) => string | Error;

  constructor(answer: (prompt: string, sample: number, lambda: number | undefined) => string | Error) {
    this.#answer = answer;
  }

  async *generate(prompts: readonly Prompt[], options: GenerateOptions = {}): AsyncIterable<Generation> {
    const lambdas = typeof options.lambda === "number" ? [options.lambda] : (options.lambda ?? [undefined]);
    for (const index of [...prompts.keys()].reverse()) {
      for (const lambda of lambdas) {
        for (let sample = 0; sample < (options.n ?? 1); sample++) {
          options.signal?.throwIfAborted();
          if (options.skip?.({ index, sample, lambda })) continue;
          const prompt = prompts[index] as Prompt;
          this.asked.push({ prompt, options });
          const text = this.#answer(textOf(prompt), sample, lambda);
          if (text instanceof Error) {
            if (!options.onFailure) throw text;
            options.onFailure({ index, sample, error: text as never });
            continue;
          }
          yield { index, sample, lambda, ids: [1, 2], text, finish: "stop", promptTokens: 3 };
        }
      }
    }
  }

  async close(): Promise<void> {}
}

/** The last message's words, or the text. */
export function textOf(prompt: Prompt): string {
  if (typeof prompt === "string") return prompt;
  const last = prompt.at(-1);
  return typeof last === "object" ? last.content : "";
}
