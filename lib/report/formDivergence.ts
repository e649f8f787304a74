// How far a form's answers are from those of the measured merge, in one number: as the report's table and its sentence say it.

import type { FormBehaviour } from "./shipTypes.js";

/** Nats a token, to two digits: the larger mean KL divergence of the first token and of all tokens; 0 where neither was seen. */
export function formDivergence({ firstToken, sameTokens }: Pick<FormBehaviour, "firstToken" | "sameTokens">): number {
  return Number(Math.max(firstToken?.klMean ?? 0, sameTokens?.klMean ?? 0).toPrecision(2));
}
