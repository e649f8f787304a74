// Which modules are gated, by the cosines that their projections leave.

import type { ProjectedChange } from "./projectedChange.js";
import type { Gate } from "./types.js";

type Judged = Pick<ProjectedChange, "weight" | "rho" | "judged">;

export type GateRule =
  | { readonly kind: "at most" | "below"; readonly threshold: number }
  /** The threshold is the number-th smallest cosine; several modules may have it. */
  | { readonly kind: "lowest"; readonly number: number };

/** In the order of the modules. What has no direction to project on is never gated. */
export function decideGates(modules: readonly Judged[], rule: GateRule): Gate[] {
  const sorted = modules.flatMap(({ judged, rho }) => (judged ? [rho] : [])).sort((a, b) => a - b);
  const threshold = rule.kind === "lowest" ? (sorted[Math.min(rule.number, sorted.length) - 1] ?? -1) : rule.threshold;
  return modules.map(({ weight, rho, judged }) => ({
    module: weight.name.replace(/\.weight$/, ""),
    rho,
    gated: judged && (rule.kind === "below" ? rho < threshold : rho <= threshold),
  }));
}
