// Whether the ways to attribute say the same: rank correlations over the groups.

import type { AttributionAgreement, GroupGradients, RestoredGroup } from "../report/attribution/types.js";
import { rankCorrelation } from "../statistics/rankCorrelation.js";

/** @param better of the score */
export function agreementOf(
  restored: readonly RestoredGroup[],
  gradients: readonly GroupGradients[] | undefined,
  better: "high" | "low",
): AttributionAgreement[] {
  if (!gradients) return [];
  const sign = better === "high" ? 1 : -1;
  const pairs = [
    {
      of: "refusals",
      first: restored.map(({ asrChange }) => -asrChange.value),
      second: gradients.map(({ refusals }) => refusals),
    },
    {
      of: "task",
      first: restored.map(({ scoreChange }) => -sign * scoreChange.value),
      second: gradients.map(({ task }) => -task),
    },
  ] as const;
  return pairs.map(({ of, first, second }) => ({
    ...{ of, a: "restored", b: "gradient" },
    correlation: rankCorrelation(first, second),
    groups: restored.length,
  }));
}
