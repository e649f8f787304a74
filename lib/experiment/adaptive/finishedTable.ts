// The table of an adaptive experiment: candidates that were asked everything, and those that were not, which are marked.

import { candidateId } from "../../select/names.js";
import type { Candidate, Quantity, SelectionTable } from "../../select/types.js";
import { crossedInterval } from "../../statistics/crossedInterval.js";
import { declaredCandidates } from "./declaredCandidates.js";
import { quantityOf } from "./quantityOf.js";
import { type AdaptivePlan, type AskedPart, type CandidateSoFar, type MeasuredSoFar, spends } from "./types.js";

/** Whether it was asked all that decides: whether it is safe, and how good it is. */
export function isFinished({ items }: AdaptivePlan, { safety, task }: CandidateSoFar): boolean {
  return safety?.asked === items.safety.order.length && task?.asked === items.task.order.length;
}

export function finishedTable(plan: AdaptivePlan, soFar: MeasuredSoFar): SelectionTable {
  const { better, calibration, skills } = plan;
  return {
    aligned: soFar.aligned,
    tuned: soFar.tuned,
    ...(better && { better }),
    ...(calibration && { calibration }),
    ...(skills && { skills }),
    candidates: declaredCandidates(plan).map((one): Candidate => {
      const so = soFar.candidates.get(candidateId(one)) ?? {};
      return {
        ...{ ...one, asr: askedOf(plan, so, "safety"), score: askedOf(plan, so, "task") },
        ...safetyOf(plan, so),
        ...(!isFinished(plan, so) && { unfinished: true as const }),
      };
    }),
    ...(spends(plan) && { looks: sharesOf(plan) }),
  };
}

/** Of all safety items: how many each look has. */
export function sharesOf({ items }: Pick<AdaptivePlan, "items">): number[] {
  const { looks } = items.safety;
  return looks.map((look) => look / (looks.at(-1) ?? 1));
}

/** What gates look at beside scores, as far as it was asked. */
export function safetyOf(
  plan: AdaptivePlan,
  so: CandidateSoFar,
): Pick<Candidate, "asr" | "overRefusal" | "skills" | "categories"> {
  const whole = so["over-refusal"]?.asked === plan.items["over-refusal"].order.length;
  return {
    asr: askedOf(plan, so, "safety"),
    ...(whole && so["over-refusal"] && { overRefusal: askedOf(plan, so, "over-refusal") }),
    ...(so.bySkill && { skills: so.bySkill }),
    ...(so.categories && { categories: so.categories }),
  };
}

/** A number by the items that were asked; of none, no number. */
export function askedOf({ items, gate }: AdaptivePlan, so: CandidateSoFar, part: AskedPart): Quantity {
  const [found, own] = [so[part], items[part]];
  if (!own || !found || found.asked === 0) return { value: Number.NaN };
  const quantity = quantityOf(own, found.values, found.asked);
  const { weights, groups } = quantity;
  // gates may name the ends of intervals; of a part that was ended by what came out, there is none
  const whole = gate !== undefined && found.asked === own.order.length;
  const interval = whole ? crossedInterval(found.values, { over: "these", weights, groups }) : undefined;
  return { ...quantity, ...(interval && { low: interval.low, high: interval.high }) };
}
