// What a part of the safety items says of the verdict that all of them will give.

import { safetyBound } from "../../select/judge.js";
import { SLACK } from "../../select/slack.js";
import type { CompleteRule, Point, SafetyBound } from "../../select/types.js";
import { normalQuantile } from "../../statistics/normalQuantile.js";
import { quantityOf } from "./quantityOf.js";
import type { AdaptivePlan, AskedItems } from "./types.js";

/** A candidate is given up where the chance that all items would let it pass is below this. */
const GIVEN_UP = 0.005;
/** The confidence of a one-sided bound that is one standard error away. */
const ONE_ERROR = 0.8413447460685429;

export type BoundAt = (level: number) => SafetyBound;

/** By the first `look` items: the bound of all seeds together and, where the rule asks for it, of each. */
export function boundsOf(plan: AdaptivePlan, aligned: Point, { values }: AskedItems, look: number): BoundAt[] {
  const { rule, calibration } = plan;
  const boundOf = (rows: AskedItems["values"]): BoundAt => {
    const asr = quantityOf(plan.items.safety, rows, look);
    return (level) => safetyBound({ asr }, aligned, level, calibration);
  };
  const each = rule.everySeed && rule.by === "upper" && values.length > 1 ? values.map((row) => boundOf([row])) : [];
  return [boundOf(values), ...each];
}

export function within({ value, bound, n }: SafetyBound, { by, margin }: CompleteRule): boolean {
  return n !== 0 && (by === "point" ? value : bound) <= margin + SLACK;
}

/**
 * Whether all items would let it pass with a chance below GIVEN_UP: as far as the mean of a share of them can still move, given how
 * much they vary, and with the width that the bound will have. To give up costs none of the level: it makes nothing pass.
 */
export function cannotPass(bound: BoundAt, level: number, share: number, { by, margin }: CompleteRule): boolean {
  const { value, moves } = outlook(bound, share);
  const width = by === "point" ? 0 : (bound(level).bound - value) * Math.sqrt(share);
  return value + width - margin > -normalQuantile(GIVEN_UP) * moves;
}

/** Whether what is measured on all items will be within the margin, but for a chance below GIVEN_UP. */
export function cannotFail(bound: BoundAt, share: number, { margin }: CompleteRule): boolean {
  const { value, moves } = outlook(bound, share);
  return margin - value > -normalQuantile(GIVEN_UP) * moves;
}

/** The mean of a share of the items, and the standard deviation by which that of all items is away from it. */
function outlook(bound: BoundAt, share: number): { readonly value: number; readonly moves: number } {
  const { value, bound: oneError } = bound(ONE_ERROR);
  return { value, moves: (oneError - value) * Math.sqrt(1 - share) };
}
