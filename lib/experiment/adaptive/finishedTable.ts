// The table of an adaptive experiment: candidates that were asked everything, and apart from them those that were not.

import { nameOf } from "../../select/names.js";
import type { Candidate, Point, SelectionTable, UnfinishedCandidate } from "../../select/types.js";
import { declaredCandidates } from "./declaredCandidates.js";
import { quantityOf } from "./quantityOf.js";
import { type AdaptivePlan, type AskedPart, type CandidateSoFar, type MeasuredSoFar, spends } from "./types.js";

/** Whether it was asked all that decides: whether it is safe, and how good it is. */
export function isFinished({ items }: AdaptivePlan, { safety, task }: CandidateSoFar): boolean {
  return safety?.asked === items.safety.order.length && task?.asked === items.task.order.length;
}

/** Its safety items so far, and its over-refusal where it was asked all of it. */
export function overallPoint(
  plan: AdaptivePlan,
  so: CandidateSoFar,
): Pick<Candidate, "asr" | "overRefusal" | "categories"> {
  const [asr, overRefusal] = [quantity(plan, so, "safety"), quantity(plan, so, "over-refusal")];
  const whole = so["over-refusal"]?.asked === plan.items["over-refusal"].order.length;
  return {
    asr: asr ?? { value: Number.NaN },
    ...(overRefusal && whole && { overRefusal }),
    ...(so.categories && { categories: so.categories }),
  };
}

export function finishedTable(plan: AdaptivePlan, soFar: MeasuredSoFar): SelectionTable {
  const { items, better, calibration } = plan;
  const candidates: Candidate[] = [];
  const unfinished: UnfinishedCandidate[] = [];
  for (const candidate of declaredCandidates(plan)) {
    const so = soFar.candidates.get(nameOf(candidate)) ?? {};
    const [asr, score] = [quantity(plan, so, "safety"), quantity(plan, so, "task")];
    if (score && isFinished(plan, so)) candidates.push({ ...candidate, score, ...overallPoint(plan, so) });
    else unfinished.push({ ...candidate, ...(asr && { asr }), ...(score && { score }) });
  }
  const { looks } = items.safety;
  return {
    aligned: soFar.aligned,
    tuned: soFar.tuned,
    ...(better && { better }),
    ...(calibration && { calibration }),
    candidates,
    unfinished,
    ...(spends(plan) && { looks: looks.map((look) => look / (looks.at(-1) ?? 1)) }),
  };
}

function quantity({ items }: AdaptivePlan, so: CandidateSoFar, part: AskedPart): Point["asr"] | undefined {
  const found = so[part];
  return found && found.asked > 0 ? quantityOf(items[part], found.values, found.asked) : undefined;
}
