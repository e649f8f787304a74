// The bound that a search goes by: of the mean over the tunings, and of each tuning alone where the rule asks that of every seed.

import { safetyBound, seedBounds } from "../select/judge.js";
import type { CompleteRule, Point } from "../select/types.js";

/**
 * How far a candidate's attack success rate may lie above the aligned model's, as the choice will judge it.
 * @param level one-sided, between 0 and 1, after its division between the ways to search
 */
export function searchedBound(
  measured: Point,
  aligned: Point,
  { level, everySeed }: Pick<CompleteRule, "level" | "everySeed">,
): number {
  const { bound } = safetyBound(measured, aligned, level);
  const seeds = everySeed ? (seedBounds(measured, aligned, { level }) ?? []) : [];
  return Math.max(bound, ...seeds.map((seed) => seed.bound));
}
