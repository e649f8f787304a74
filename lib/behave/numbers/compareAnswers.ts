// Where two greedy answers to the same prompt part.

import type { Generation } from "../../generate/types.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { aroundDifference } from "../text/compareText.js";
import type { AnswerComparison, Divergence } from "../types.js";

/** Characters that are shown before and after the place. */
const SHOWN = 60;

type Told = Pick<Generation, "ids" | "text"> | undefined;

/**
 * @param tokenizers of both, where ids are known: answers are compared by their ids then
 */
export function compareAnswers(
  a: readonly Told[],
  b: readonly Told[],
  tokenizers: readonly [Tokenizer, Tokenizer] | undefined,
): AnswerComparison {
  const divergences: Divergence[] = [];
  let compared = 0;
  for (const [prompt, one] of a.entries()) {
    const other = b[prompt];
    if (one === undefined || other === undefined) continue;
    compared += 1;
    const byIds = tokenizers !== undefined && one.ids.length > 0 && other.ids.length > 0;
    const found = byIds ? partingTokens(prompt, one, other, tokenizers) : partingTexts(prompt, one, other);
    if (found !== undefined) divergences.push(found);
  }
  return { same: compared - divergences.length, compared, divergences };
}

function partingTokens(
  prompt: number,
  one: NonNullable<Told>,
  other: NonNullable<Told>,
  [a, b]: readonly [Tokenizer, Tokenizer],
): Divergence | undefined {
  let token = 0;
  while (token < one.ids.length && one.ids[token] === other.ids[token]) token += 1;
  if (token === one.ids.length && token === other.ids.length) return undefined;
  const rest = (ids: readonly number[], tokenizer: Tokenizer) => tokenizer.decode(ids.slice(token)).slice(0, SHOWN);
  return {
    prompt,
    token,
    before: a.decode(one.ids.slice(0, token)).slice(-SHOWN),
    a: rest(one.ids, a),
    b: rest(other.ids, b),
  };
}

function partingTexts(prompt: number, one: NonNullable<Told>, other: NonNullable<Told>): Divergence | undefined {
  if (one.text === other.text) return undefined;
  const { a, b } = aroundDifference(one.text, other.text);
  return { prompt, token: -1, before: "", a, b };
}
