// Asks a model of this machine: greedy answers to the prompts as it reads them, and distributions of the next token at given ids.

import type { Generation, Model } from "../../generate/types.js";
import { type CoarseDistribution, coarse, over } from "./coarse.js";

/** Greedy answers by index of the prompt; prompts without ids (a template refused them) have none. */
export async function greedyAnswers(
  model: Model,
  prompts: readonly (readonly number[])[],
  { maxNewTokens, signal }: { readonly maxNewTokens: number; readonly signal: AbortSignal | undefined },
): Promise<(Generation | undefined)[]> {
  const answers: (Generation | undefined)[] = prompts.map(() => undefined);
  const asked = prompts.flatMap((ids, index) => (ids.length > 0 ? [{ ids, index }] : []));
  const options = { maxNewTokens, fitContext: true, logprobs: true, signal };
  for await (const answer of model.generate(
    asked.map(({ ids }) => ids),
    options,
  )) {
    const { index } = asked[answer.index] as { readonly index: number };
    answers[index] = { ...answer, index };
  }
  return answers;
}

/** The ids of a prompt with an answer, and from which on distributions are looked at. */
export interface Passage {
  readonly ids: readonly number[];
  /** The distribution after token `from` is the first, that after the last token but one the last. */
  readonly from: number;
}

/** A prompt with its answer: distributions of each of the answer's tokens. */
export function passageOf(prompt: readonly number[], answer: readonly number[]): Passage {
  return { ids: [...prompt, ...answer], from: prompt.length - 1 };
}

/** The distributions of a passage, likeliest tokens by name; or over the tokens that `named` gives for each place. */
export async function distributionsOf(
  model: Model,
  { ids, from }: Passage,
  signal: AbortSignal | undefined,
  named?: readonly CoarseDistribution[],
): Promise<CoarseDistribution[]> {
  // The distribution after the last token is nobody's: the answer ends there. A prompt alone has that of its first new token.
  const end = Math.max(from + 1, ids.length - 1);
  const [logits] = await model.logits([ids.slice(0, end)], { signal });
  if (logits === undefined) return [];
  const width = logits.length / end;
  return Array.from({ length: end - from }, (_, at) => {
    const row = logits.subarray((from + at) * width, (from + at + 1) * width);
    const tokens = named?.[at]?.ids;
    return tokens === undefined ? coarse(row) : over(tokens, row);
  });
}
