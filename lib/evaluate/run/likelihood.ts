// Token ids of a context and its continuation, cut where lm-evaluation-harness cuts them.

import { RetemperError } from "../../errors.js";
import { stripEnd } from "../metrics/pythonText.js";

export interface EncodedPair {
  readonly ids: readonly number[];
  /** The first token of the continuation; at least 1, since the first token of all has no probability. */
  readonly from: number;
}

/**
 * Both are encoded as one text, with special tokens, and the context alone: the rest is the continuation. Spaces at the
 * context's end go to the continuation, as tokens have their spaces in front.
 * @throws RetemperError BAD_INPUT where nothing is left to score
 */
export function encodePair(
  tokenizer: { encode(text: string): number[] },
  context: string,
  continuation: string,
): EncodedPair {
  const start = stripEnd(context);
  const ids = tokenizer.encode(start + context.slice(start.length) + continuation);
  const from = Math.max(1, start === "" ? 0 : tokenizer.encode(start).length);
  if (from >= ids.length) {
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(continuation.slice(0, 60))} has no tokens to score`);
  }
  return { ids, from };
}
