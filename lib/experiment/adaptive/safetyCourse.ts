// How far a candidate is shown to be safe by the items that it was asked so far.

import { isSafetyBound } from "../../select/gateVerdict.js";
import { dividedLevel } from "../../select/rule.js";
import { spentLevels } from "../../statistics/spentLevels.js";
import { safetyOf, sharesOf } from "./finishedTable.js";
import { boundsOf, cannotFail, cannotPass, within } from "./safetyOutlook.js";
import {
  type AdaptivePlan,
  type AskedPart,
  type CandidateSoFar,
  type DeclaredCandidate,
  gateLooksAtSafety,
  type MeasuredSoFar,
  spends,
} from "./types.js";

/**
 * "open": it is to be asked up to `to`. "safe": its series goes on. "out": it cannot be chosen, and its series goes on.
 * "unsafe": its series ends there.
 */
export type SafetyCourse =
  | { readonly state: "open"; readonly part: AskedPart; readonly to: number }
  | { readonly state: "safe" | "out" | "unsafe" };

export function safetyCourse(
  plan: AdaptivePlan,
  soFar: MeasuredSoFar,
  candidate: DeclaredCandidate,
  so: CandidateSoFar,
): SafetyCourse {
  const { rule, gate, items } = plan;
  const own = rule.rule === "constrained" ? courseByMargin(plan, soFar, so) : ({ state: "safe" } as const);
  if (own.state !== "safe" || !gate || !gateLooksAtSafety(plan)) return own;
  for (const part of [
    "safety",
    ...(gate.metrics.includes("overRefusal") ? (["over-refusal"] as const) : []),
    ...(gate.metrics.includes("skill") ? (["skills"] as const) : []),
  ] as const) {
    const to = items[part]?.order.length ?? 0;
    if ((so[part]?.asked ?? 0) < to) return { state: "open", part, to };
  }
  const { aligned, tuned } = soFar;
  // the task is not looked at yet: any score does
  const point = { ...candidate, score: aligned.score, ...safetyOf(plan, so) };
  const failed = gate
    .verdicts(
      point,
      { aligned, tuned, candidates: [], skills: plan.skills },
      { level: lastLevelOf(plan), everySeed: rule.everySeed },
    )
    .filter(({ metric, holds }) => metric !== "score" && !holds);
  return { state: failed.some(isSafetyBound) ? "unsafe" : failed.length > 0 ? "out" : "safe" };
}

/** The confidence of what is decided on all items. */
export function lastLevelOf(plan: AdaptivePlan): number {
  return levelsOf(plan).at(-1) ?? plan.rule.level;
}

/** The confidence of each look. */
function levelsOf(plan: AdaptivePlan): readonly number[] {
  const shares = sharesOf(plan);
  const level = dividedLevel(plan.rule.level, plan.series.length);
  return spends(plan) ? spentLevels(level, shares) : shares.map(() => level);
}

/**
 * A look before the last may find a candidate safe, or that it has next to no chance any more; where all items were asked, these
 * decide, whatever looks before them found, so that what is chosen has passed the whole test.
 */
function courseByMargin(
  plan: AdaptivePlan,
  { aligned }: MeasuredSoFar,
  { safety: asked }: CandidateSoFar,
): SafetyCourse {
  const { rule, items } = plan;
  const { looks } = items.safety;
  const levels = levelsOf(plan);
  const [last, lastLevel] = [looks.at(-1) ?? 0, lastLevelOf(plan)];
  let safe = false;
  for (const [at, look] of looks.entries()) {
    if (!asked || asked.asked < look) return safe ? { state: "safe" } : { state: "open", part: "safety", to: look };
    const bounds = boundsOf(plan, aligned, asked, look);
    const passes = bounds.every((bound) => within(bound(levels[at] as number), rule));
    if (look === last) return { state: passes ? "safe" : rule.by === "point" ? "out" : "unsafe" };
    if (safe) continue;
    const share = look / last;
    if (bounds.some((bound) => cannotPass(bound, lastLevel, share, rule)))
      return { state: rule.by === "point" ? "out" : "unsafe" };
    if (gateLooksAtSafety(plan)) continue;
    safe = rule.by === "point" ? bounds.every((bound) => cannotFail(bound, share, rule)) : passes;
  }
  return { state: "unsafe" };
}
