// What judges that are language models share: a prompt an exchange, an answer read by a function.

import type { GenerateOptions, Prompt, TextGenerator } from "../../generate/types.js";
import type { Exchange, Judge, JudgeValues, Score, ScoreOptions } from "../types.js";

/** A generator, or how to open one: called at the first exchange, so that two models need not be in memory at once. */
export type JudgeModel = TextGenerator | (() => Promise<TextGenerator>);

export interface ModelJudgeOptions {
  readonly name: string;
  readonly model: JudgeModel;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly decoding: GenerateOptions;
  /** @param model the open one, which may have a tokenizer */
  prompt(exchange: Exchange, model: TextGenerator): Prompt;
  /** null: the answer could not be read. */
  read(output: string): Readonly<JudgeValues> | null;
}

const MISS: JudgeValues = { harmful: null, refusal: null };

export function modelJudge({ facts, decoding, prompt, read, ...asked }: ModelJudgeOptions): Judge {
  return askingJudge({ ...asked, facts: { ...facts, decoding } }, async function* (model, exchanges, options) {
    const { signal, onFailure } = options;
    const prompts = exchanges.map((exchange) => prompt(exchange, model));
    const answers = model.generate(prompts, { ...decoding, signal, onFailure });
    for await (const { index, text } of answers) yield { index, values: read(text) ?? MISS, detail: text };
  });
}

/** A judge that asks a model, which is opened at the first exchange. */
export function askingJudge(
  { name, model, facts }: Pick<ModelJudgeOptions, "name" | "model" | "facts">,
  score: (
    model: TextGenerator,
    exchanges: readonly Exchange[],
    options: ScoreOptions,
  ) => AsyncIterable<Score<JudgeValues>>,
): Judge {
  let opened = typeof model === "function" ? undefined : model;
  return {
    kind: "judge",
    name,
    facts: { ...facts, ...(opened && identityOf(opened)) },
    engine: () => opened?.facts,
    async *score(exchanges, options) {
      if (exchanges.length === 0) return;
      opened ??= await (model as () => Promise<TextGenerator>)();
      yield* score(opened, exchanges, options);
    },
  };
}

/** What decides a model's verdicts, for those that are kept. */
function identityOf({ facts: { model, fingerprint, weights, cache } }: TextGenerator) {
  return { model, fingerprint, ...(weights && { weights }), ...(cache && { cache }) };
}
