// What a server answers to all prompts, with as much beside the texts as it tells: log-probabilities, ids, counts of tokens.

import { RetemperError } from "../../errors.js";
import type { EngineFacts, Generation } from "../../generate/types.js";
import type { Plan } from "../plan.js";
import type { ServerSide } from "../sides/side.js";

export interface Heard {
  readonly engine: EngineFacts;
  /** Greedy answers by prompt; undefined where it gave none. */
  readonly answers: readonly (Generation | undefined)[];
  readonly notes: readonly string[];
}

/** From all that may be told to the least; servers refuse fields that they do not know. */
const WAYS = [
  { logprobs: true, extra: { return_token_ids: true } },
  { logprobs: true, extra: {} },
  { logprobs: false, extra: {} },
] as const;

/** @throws RetemperError NETWORK where nobody answers; what the server refuses for every prompt */
export async function hear(side: ServerSide, letter: string, plan: Plan): Promise<Heard> {
  for (const [at, way] of WAYS.entries()) {
    try {
      return await hearOnce(side, letter, way, plan);
    } catch (error) {
      const refused = error instanceof RetemperError && ["BAD_INPUT", "INCOMPATIBLE"].includes(error.code);
      if (!refused || at === WAYS.length - 1) throw error;
    }
  }
  throw new RetemperError("INTERNAL", "a server was asked in no way");
}

async function hearOnce(
  side: ServerSide,
  letter: string,
  { logprobs, extra }: (typeof WAYS)[number],
  { prompts, maxNewTokens, signal }: Plan,
): Promise<Heard> {
  const endpoint = side.open(extra);
  const answers: (Generation | undefined)[] = prompts.map(() => undefined);
  const failures: { readonly index: number; readonly error: RetemperError }[] = [];
  const onFailure = (failure: { readonly index: number; readonly error: RetemperError }) => failures.push(failure);
  const asked = prompts.map(({ prompt }) => prompt);
  for await (const answer of endpoint.generate(asked, { maxNewTokens, logprobs, signal, onFailure })) {
    answers[answer.index] = answer;
  }
  const [first] = failures;
  // What every prompt is refused for is the way of asking, or the server.
  if (first !== undefined && failures.length === prompts.length) throw first.error;
  const notes = failures.map(({ index, error }) => `${letter} gave no answer to prompt ${index}: ${error.message}`);
  if (!logprobs) notes.push(`${letter} tells no log-probabilities, so only the texts of its answers are compared`);
  return { engine: endpoint.facts, answers, notes };
}
