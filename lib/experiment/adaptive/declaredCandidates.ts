// The candidates of an experiment as they were declared, series by series and each from its safe end.

import { fromSafeEnd } from "../../select/order.js";
import { candidateOf, type DeclaredSeries } from "../settings/declaredSeries.js";
import type { AdaptivePlan, DeclaredCandidate } from "./types.js";

export function declaredCandidates({ series }: Pick<AdaptivePlan, "series">): DeclaredCandidate[] {
  return series.flatMap(candidatesOf);
}

/** Of one series, from its safe end, as `qualify` goes through them. */
export function candidatesOf(series: DeclaredSeries): DeclaredCandidate[] {
  return (series.values ?? [undefined]).map((value) => candidateOf(series, value)).sort(fromSafeEnd);
}
