// What an adaptive experiment asks next. Safety first, series by series from their safe ends, since what is not safe needs no
// score; then the task, until one candidate is left that all others cannot reach.

import { shareOfGain } from "../../select/judge.js";
import { candidateId } from "../../select/names.js";
import { byScore } from "../../select/order.js";
import { isUseful } from "../../select/qualify.js";
import type { Candidate } from "../../select/types.js";
import type { DeclaredSeries } from "../settings/declaredSeries.js";
import { candidatesOf } from "./declaredCandidates.js";
import { askedOf, isFinished, safetyOf } from "./finishedTable.js";
import { quantityOf } from "./quantityOf.js";
import { lastLevelOf, safetyCourse } from "./safetyCourse.js";
import { cannotBeUseful, cannotReach } from "./taskOutlook.js";
import {
  type AdaptivePlan,
  type AskedPart,
  type Block,
  type CandidateSoFar,
  type DeclaredCandidate,
  gateLooksAtSafety,
  type MeasuredSoFar,
} from "./types.js";

/** A candidate whose series came to it. */
interface Contestant {
  readonly candidate: DeclaredCandidate;
  readonly so: CandidateSoFar;
}

/**
 * Blocks that may be asked at once; none: the choice is made. It depends on nothing but its arguments, so that all workers of a
 * run, and a run that goes on, ask the same.
 */
export function nextBlocks(plan: AdaptivePlan, soFar: MeasuredSoFar): Block[] {
  const courses = plan.series.map((series) => courseOf(plan, soFar, series));
  const open = courses.flatMap(({ next }) => next);
  if (open.length > 0) return open;
  return race(
    plan,
    soFar,
    courses.map(({ safe }) => safe),
  );
}

function courseOf(
  plan: AdaptivePlan,
  soFar: MeasuredSoFar,
  series: DeclaredSeries,
): { readonly safe: readonly Contestant[]; readonly next: readonly Block[] } {
  const safe: Contestant[] = [];
  const next: Block[] = [];
  for (const candidate of candidatesOf(series)) {
    const so = soFar.candidates.get(candidateId(candidate)) ?? {};
    const course = safetyCourse(plan, soFar, candidate, so);
    if (course.state === "safe") safe.push({ candidate, so });
    if (course.state === "open") {
      const { part, to } = course;
      next.push({ candidate, part, from: so[part]?.asked ?? 0, to });
    }
    // by what was measured each stands alone, as long as no bound of the gate ends a series
    const alone = plan.rule.by === "point" && !gateLooksAtSafety(plan);
    if (course.state === "unsafe" || (course.state === "open" && !alone)) break;
  }
  return { safe, next };
}

/** @param safe of each series, from its safe end */
function race(plan: AdaptivePlan, soFar: MeasuredSoFar, safe: readonly (readonly Contestant[])[]): Block[] {
  const qualified = new Map(
    safe.flat().flatMap((one) => (isFinished(plan, one.so) ? qualifying(plan, soFar, one) : [])),
  );
  const isOut = (one: Contestant) => {
    const { task } = one.so;
    if (!task || task.asked === 0) return false;
    if (isFinished(plan, one.so)) return !qualified.has(one);
    return cannotBeUseful(plan, soFar.aligned, soFar.tuned, task);
  };
  const alive = safe.map((of) => of.filter((one) => !isOut(one)));
  const [best] = [...qualified].sort(([, a], [, b]) => byScore(a, b, plan.better));
  return best ? challenges(plan, best[0], alive.flat()) : leading(plan, alive);
}

/** Of one that was found safe and was asked everything: it with its numbers, if the rule would take it. */
function qualifying(plan: AdaptivePlan, soFar: MeasuredSoFar, one: Contestant): [Contestant, Candidate][] {
  const { rule, gate, better } = plan;
  const { aligned, tuned } = soFar;
  const table = { aligned, tuned, candidates: [], ...(better && { better }), skills: plan.skills };
  const candidate = { ...one.candidate, score: askedOf(plan, one.so, "task"), ...safetyOf(plan, one.so) };
  const passes = gate?.passes(candidate, table, { level: lastLevelOf(plan), everySeed: rule.everySeed }) ?? true;
  return passes && isUseful({ kept: shareOfGain(candidate, table) }, rule) ? [[one, candidate]] : [];
}

/** The candidate farthest from the safe end of each series is asked a little, and the best of them everything. */
function leading(plan: AdaptivePlan, alive: readonly (readonly Contestant[])[]): Block[] {
  const leaders = alive.flatMap((of) => of.at(-1) ?? []);
  const fresh = leaders.filter((one) => countOf(one, "task") === 0);
  if (fresh.length > 0 && leaders.length > 1) return fresh.flatMap((one) => upToLook(plan, one));
  const common = Math.min(...leaders.map((one) => countOf(one, "task")));
  const worth = ({ so }: Contestant) => {
    const { value } = quantityOf(plan.items.task, so.task?.values ?? [], common);
    return plan.better === "low" ? -value : value;
  };
  const [first, ...others] = leaders;
  if (!first) return [];
  return toTheEnd(
    plan,
    others.reduce((best, one) => (worth(one) > worth(best) ? one : best), first),
  );
}

/** Those that may still beat the best are asked on. */
function challenges(plan: AdaptivePlan, best: Contestant, alive: readonly Contestant[]): Block[] {
  const blocks = alive.flatMap((one) => {
    const { task } = one.so;
    if (isFinished(plan, one.so)) return [];
    if (!task || task.asked === 0) return upToLook(plan, one);
    if (best.so.task && cannotReach(plan, task, best.so.task)) return [];
    return task.asked < plan.items.task.order.length ? upToLook(plan, one) : toTheEnd(plan, one);
  });
  if (blocks.length > 0) return blocks;
  return [...rest(plan, best, "over-refusal"), ...rest(plan, best, "skills")];
}

function upToLook({ items }: AdaptivePlan, one: Contestant): Block[] {
  const from = countOf(one, "task");
  const to = items.task.looks.find((look) => look > from);
  return to === undefined ? [] : [{ candidate: one.candidate, part: "task", from, to }];
}

function toTheEnd(plan: AdaptivePlan, one: Contestant): Block[] {
  return [...rest(plan, one, "task"), ...rest(plan, one, "safety")];
}

function rest({ items }: AdaptivePlan, one: Contestant, part: AskedPart): Block[] {
  const [from, to] = [countOf(one, part), items[part]?.order.length ?? 0];
  return from < to ? [{ candidate: one.candidate, part, from, to }] : [];
}

function countOf({ so }: Contestant, part: AskedPart): number {
  return so[part]?.asked ?? 0;
}
