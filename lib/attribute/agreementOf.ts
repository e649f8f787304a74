// Whether the ways to attribute say the same: rank correlations over the groups.

import type { AttributionAgreement, GroupGradients, RestoredGroup } from "../report/attribution/types.js";
import { rankCorrelation } from "../statistics/rankCorrelation.js";

export interface Attributed {
  readonly restored: readonly RestoredGroup[];
  readonly gradients?: readonly GroupGradients[] | undefined;
  readonly rhos?: readonly (number | null)[] | undefined;
  /** Of the score. */
  readonly better: "high" | "low";
}

/** What each way says of a group: more is more of the refusals lost, or of the task learned; null where it says nothing. */
type Way = readonly [name: string, says: readonly (number | null)[]];

/** Of every two ways. rho says nothing of the task; of refusals, that those changes lost them of whose direction least is left. */
export function agreementOf({ restored, gradients, rhos, better }: Attributed): AttributionAgreement[] {
  const sign = better === "high" ? 1 : -1;
  const refusals: Way[] = [
    ["restored", restored.map(({ asrChange }) => -asrChange.value)],
    ...(gradients ? [["gradient", gradients.map((one) => one.refusals)] as const] : []),
    ...(rhos ? [["rho", rhos.map((rho) => (rho === null ? null : -rho))] as const] : []),
  ];
  const task: Way[] = [
    ["restored", restored.map(({ scoreChange }) => -sign * scoreChange.value)],
    ...(gradients ? [["gradient", gradients.map((one) => -one.task)] as const] : []),
  ];
  return [...pairsOf("refusals", refusals), ...pairsOf("task", task)];
}

function pairsOf(of: AttributionAgreement["of"], ways: readonly Way[]): AttributionAgreement[] {
  return ways.flatMap(([a, first], at) =>
    ways.slice(at + 1).map(([b, second]) => {
      const both = first.flatMap((one, group) => {
        const other = second[group] ?? null;
        return one === null || other === null ? [] : [[one, other] as const];
      });
      const correlation = rankCorrelation(
        both.map(([one]) => one),
        both.map(([, other]) => other),
      );
      return { of, a, b, correlation, groups: both.length };
    }),
  );
}
