// What an adaptive experiment is made of: what was declared before anything was asked, what was measured so far, and what is
// asked next. All of it is plain data, so that every worker of a run comes to the same decision.

import type { Gate } from "../../select/gate.js";
import type { Better, Candidate, CompleteRule, Point, SelectionTable } from "../../select/types.js";
import type { JudgeCalibration } from "../../statistics/correctedRate.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import type { DeclaredSeries } from "../settings/declaredSeries.js";

/** The items of one kind that choose. */
export interface DeclaredItems {
  /** Places in the rows of values, in the order in which they are asked: that of the items' digests, so that a block is a random part. */
  readonly order: readonly number[];
  /** How many of them each look has, the last one all. */
  readonly looks: readonly number[];
  /** Of each place in the rows, as in `Quantity`. */
  readonly weights?: readonly number[] | undefined;
  readonly groups?: readonly number[] | undefined;
}

export type AskedPart = "safety" | "task" | "over-refusal" | "skills";

export interface AdaptivePlan {
  readonly series: readonly DeclaredSeries[];
  readonly rule: CompleteRule;
  /** The rule's. */
  readonly gate?: Gate | undefined;
  readonly better?: Better | undefined;
  readonly calibration?: JudgeCalibration | undefined;
  /** Their directions. */
  readonly skills?: SelectionTable["skills"];
  readonly items: Readonly<Record<Exclude<AskedPart, "skills">, DeclaredItems>> & {
    /** Where there are some. */
    readonly skills?: DeclaredItems | undefined;
  };
}

/** Of one candidate and one kind of items: how many of their order were asked, and what came out. */
export interface AskedItems {
  readonly asked: number;
  /** [seed][item]; null where an item was not asked, or has no answer or verdict. */
  readonly values: SeedValues;
}

export interface MeasuredSoFar {
  /** Both were asked all items that choose. */
  readonly aligned: Point;
  readonly tuned: Point;
  /** By `candidateId`; a candidate that was asked nothing may be absent. */
  readonly candidates: ReadonlyMap<string, CandidateSoFar>;
}

/**
 * `categories`: of one that was asked all safety items, where the gate looks at them. `bySkill`: likewise of one that was asked all
 * items of skills.
 */
export type CandidateSoFar = Readonly<Partial<Record<AskedPart, AskedItems>>> &
  Pick<Point, "categories"> & { readonly bySkill?: Point["skills"] };

/** What is to be asked: items of the order from what was asked of this candidate up to `to`. */
export interface Block {
  readonly candidate: DeclaredCandidate;
  readonly part: AskedPart;
  readonly from: number;
  readonly to: number;
}

export type DeclaredCandidate = Pick<Candidate, "method" | "lambda" | "parameters" | "varied">;

/** Whether the gate names more than scores: then no candidate is found safe before it was asked everything. */
export function gateLooksAtSafety({ gate }: Pick<AdaptivePlan, "gate">): boolean {
  return gate?.metrics.some((metric) => metric !== "score") ?? false;
}

/** Whether a look before the last may find a candidate safe by its bound: the level is spent over such looks. */
export function spends(plan: Pick<AdaptivePlan, "rule" | "gate">): boolean {
  return plan.rule.rule === "constrained" && plan.rule.by === "upper" && !gateLooksAtSafety(plan);
}
