// What a table of comparisons with controls says of each of them: several are looked at, so p is adjusted for all of them.

import type { ControlComparison } from "../../report/types.js";
import { holm } from "../../statistics/holm.js";

/** Below this a difference is called one. */
const ALPHA = 0.05;

export function withVerdicts(comparisons: readonly ControlComparison[]): ControlComparison[] {
  const adjusted = holm(comparisons.flatMap(({ p }) => (p === undefined ? [] : [p])));
  let at = 0;
  return comparisons.map((one): ControlComparison => {
    if (one.p === undefined) return one;
    const pHolm = adjusted[at++] as number;
    const verdict = pHolm >= ALPHA ? "not shown" : one.difference < 0 ? "lower" : "higher";
    const ending = verdict === "not shown" ? "No difference is shown" : `The merge is shown to be ${verdict}`;
    return { ...one, pHolm, verdict, sentence: `${one.sentence} ${ending} (Holm's p ${pText(pHolm)}).` };
  });
}

function pText(p: number): string {
  return p < 0.001 ? "below .001" : p.toFixed(3).replace(/^0/, "");
}
