// The candidates of an experiment as they were declared, series by series and each from its safe end.

import type { AdaptivePlan, DeclaredCandidate, DeclaredSeries } from "./types.js";

export function declaredCandidates({ series }: Pick<AdaptivePlan, "series">): DeclaredCandidate[] {
  return series.flatMap(candidatesOf);
}

/** Of one series, from its safe end, as `qualify` goes through them. */
export function candidatesOf({ method, parameters, lambdas }: DeclaredSeries): DeclaredCandidate[] {
  const of = { method, ...(parameters && { parameters }) };
  if (!lambdas) return [of];
  const sorted = [...lambdas].sort((a, b) => Math.abs(a) - Math.abs(b) || a - b);
  return sorted.map((lambda) => ({ method, lambda, ...(parameters && { parameters }) }));
}
