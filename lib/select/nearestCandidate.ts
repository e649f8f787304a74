// Where nothing qualifies: which useful candidate is nearest, and what it would take.

import { itemMeans } from "../statistics/itemMeans.js";
import { itemsNeeded } from "../statistics/itemsNeeded.js";
import { isSafetyBound } from "./gateVerdict.js";
import type { Judged } from "./judge.js";
import { byScore } from "./order.js";
import { isScreenedEnd, isUseful, neededMargins } from "./qualify.js";
import type { CompleteRule, NearestCandidate, Quantity, SelectionTable } from "./types.js";

export interface Nearest {
  readonly judged: Judged;
  readonly margin: number;
}

/** A difference this near to the margin takes ten thousands of items. */
const LEAST_ROOM = 0.01;

/**
 * Of the useful candidates that pass the gate, the one that the smallest margin would let through.
 * @param judged all candidates, since a series stops at the first that fails @param counts whose nearest is looked for
 */
export function nearestCandidate(
  judged: readonly Judged[],
  counts: (one: Judged) => boolean,
  rule: CompleteRule,
  better: SelectionTable["better"],
): Nearest | undefined {
  const margins = neededMargins(judged, rule);
  const stopped = new Set<string>(); // series that end, whatever the margin
  const open = judged.flatMap((one, at) => {
    const { series, gate, candidate } = one;
    const passes = !candidate.unfinished && gate.every(({ holds }) => holds) && !stopped.has(series);
    if (isScreenedEnd(one, rule) || gate.some((of) => !of.holds && isSafetyBound(of))) stopped.add(series);
    return passes && counts(one) && isUseful(one, rule) && one.plain.n !== 0
      ? [{ judged: one, margin: margins[at] as number }]
      : [];
  });
  return open.sort((a, b) => a.margin - b.margin || byScore(a.judged.candidate, b.judged.candidate, better))[0];
}

/** What the nearest candidate would take, with the number of items at which a difference as measured is likely to pass. */
export function whatItTakes(
  { judged, margin }: Nearest,
  { aligned }: SelectionTable,
  rule: CompleteRule,
): NearestCandidate {
  const { candidate, plain, adjusted } = judged;
  // in differences as the judge gives them
  const room = (rule.margin - plain.value) * (plain.corrected ?? 1);
  const itself = adjusted.bound <= rule.margin; // what comes before it in its series is not within the margin
  if (itself || room < LEAST_ROOM || rule.by === "point" || plain.basis === "values") return { candidate, margin };
  const { equallySafe } = itemsNeeded({
    margin: Math.min(0.99, room),
    rate: Math.max(aligned.asr.value, candidate.asr.value),
    level: adjusted.level,
    ...discordance(aligned.asr, candidate.asr),
  });
  return { candidate, margin, items: equallySafe };
}

/** The share of items on which two models differ; nothing where it is not known. */
function discordance(a: Quantity, b: Quantity): { readonly discordant?: number } {
  if (!a.values || !b.values) return {};
  const [left, right] = [itemMeans(a.values), itemMeans(b.values)];
  const differences = left.flatMap((one, item) => {
    const other = right[item] ?? null;
    return one === null || other === null ? [] : [Math.abs(other - one)];
  });
  const share = differences.reduce((sum, one) => sum + one, 0) / differences.length;
  return share > 0 ? { discordant: share } : {};
}
