// How a model of this machine explains a server's answers: the log-probabilities that it gives to the same tokens.

import type { Generation, Model } from "../../generate/types.js";
import type { LocalSide } from "../sides/side.js";

/** One prompt's answer as the server gave it, in tokens of the model here. */
export interface HeardTokens {
  readonly prompt: number;
  readonly ids: readonly number[];
  readonly logprobs: readonly number[];
  /** Tokens of its prompt by the server's count; 0 where it does not tell. */
  readonly promptTokens: number;
}

/** Answers whose tokens and log-probabilities belong together one by one. */
export function heardTokens(
  answers: readonly (Generation | undefined)[],
  { tokenizer, stopTokens }: LocalSide,
): HeardTokens[] {
  return answers.flatMap((answer, prompt): HeardTokens[] => {
    if (answer?.logprobs === undefined || answer.logprobs.length === 0) return [];
    const { logprobs, promptTokens } = answer;
    const spelled = answer.ids.length > 0 ? answer.ids : tokenizer.encode(answer.text, { addSpecialTokens: false });
    // Some tell the stop token's log-probability and leave it out of the text.
    const [stop] = stopTokens;
    const ended = answer.finish === "stop" && stop !== undefined && spelled.length + 1 === logprobs.length;
    const ids = ended ? [...spelled, stop] : spelled;
    return ids.length === logprobs.length ? [{ prompt, ids, logprobs, promptTokens }] : [];
  });
}

/** What a model thinks of the answers, given prompts: mean |difference| of log-probabilities a token; undefined without any. */
export async function gapOf(
  model: Model,
  heard: readonly HeardTokens[],
  promptIds: readonly (readonly number[] | undefined)[],
  { lambda, signal }: { readonly lambda?: number | undefined; readonly signal: AbortSignal | undefined },
): Promise<number | undefined> {
  let sum = 0;
  let count = 0;
  for (const { prompt, ids, logprobs } of heard) {
    const before = promptIds[prompt];
    if (before === undefined || before.length === 0) continue;
    if (before.length + ids.length > model.contextLength) continue;
    const [all] = await model.logprobs([[...before, ...ids]], { lambda, signal });
    const own = all?.subarray(before.length - 1) ?? [];
    for (const [at, value] of own.entries()) {
      sum += Math.abs(value - (logprobs[at] as number));
      count += 1;
    }
  }
  return count === 0 ? undefined : sum / count;
}

/** Whether the server's counts of prompt tokens are those of the prompts; undefined where it tells none. */
export function sameLengths(
  heard: readonly HeardTokens[],
  promptIds: readonly (readonly number[] | undefined)[],
): boolean | undefined {
  const told = heard.filter(({ promptTokens }) => promptTokens > 0);
  if (told.length === 0) return undefined;
  return told.every(({ prompt, promptTokens }) => promptIds[prompt]?.length === promptTokens);
}
