// Which candidates of a search are measured on the second set, and which of those the rule takes there.

import type { SearchedCandidate, SearchWay } from "../report/search/types.js";
import type { Measured } from "../report/types.js";
import type { Gate } from "../select/gate.js";
import { judge } from "../select/judge.js";
import { byScore } from "../select/order.js";
import { qualify } from "../select/qualify.js";
import type { CompleteRule, SelectionTable } from "../select/types.js";
import { isFeasible } from "./order.js";
import { spread } from "./spread.js";

/** A place in the sequence stands where a method has its lambda: that is for nobody to read. */
const BEFORE = "one that comes before it is not shown to be safe, and the sequence of its way";

interface Searched extends SearchedCandidate {
  /** The score so that more is better. */
  readonly worth: number;
}

export interface FinalistOptions {
  /** Of each way at most. */
  readonly most: number;
  readonly margin: number;
  /** The least share of the gain that a choice keeps. */
  readonly minGain: number;
}

/**
 * Of each way some that no other of it beats in both score and bound, evenly from the safest to the best within the margin: what was
 * searched for lies at the edge of what is safe, and would fail beyond it as often as not. They are in the order in which they are looked
 * at, from the safest: known before the second set is looked at, so that a sequence of tests along it needs no correction for their number.
 */
export function finalistsOf<T extends Searched>(
  candidates: readonly T[],
  { most, margin, minGain }: FinalistOptions,
): T[] {
  const ways = [...new Set(candidates.map(({ way }) => way))];
  return ways.flatMap((way) => {
    const own = candidates.filter((one) => one.way === way);
    const useful = own.filter(({ kept }) => kept === undefined || kept >= minGain);
    const all = useful.length > 0 ? useful : own;
    const within = all.filter((one) => isFeasible(one, margin));
    return spread(frontOf(within.length > 0 ? within : all), most);
  });
}

/** Those that no other beats, from the lowest bound to the best score; of equal ones the first. */
function frontOf<T extends Searched>(candidates: readonly T[]): T[] {
  const sorted = [...candidates].sort((a, b) => a.bound - b.bound || b.worth - a.worth || a.number - b.number);
  const front: T[] = [];
  for (const one of sorted) if (front.length === 0 || one.worth > (front.at(-1) as T).worth) front.push(one);
  return front;
}

export interface JudgedFinalist<T> {
  readonly finalist: T;
  readonly measured: Measured;
  readonly kept?: number | undefined;
  readonly bound: number;
  readonly reason?: string | undefined;
}

/**
 * Why the rule does not take each of them, on the second set: ways are series, between which the level is divided, and each is looked
 * at in the order of `finalistsOf` until one is not shown to be safe.
 */
export function judgeFinalists<T extends { readonly way: SearchWay }>(
  finalists: readonly { readonly finalist: T; readonly measured: Measured }[],
  table: Omit<SelectionTable, "candidates">,
  rule: CompleteRule,
  gate: Gate | undefined,
): JudgedFinalist<T>[] {
  const places = new Map<string, number>();
  const candidates = finalists.map(({ finalist: { way }, measured }) => {
    const place = (places.get(way) ?? 0) + 1;
    places.set(way, place);
    return { method: way, lambda: place, ...measured };
  });
  const judged = judge({ ...table, candidates }, rule, gate);
  const reasons = qualify(judged, rule);
  return finalists.map(({ finalist, measured }, at) => {
    const found = judged.findIndex(({ candidate }) => candidate === candidates[at]);
    const { plain, kept } = judged[found] as (typeof judged)[number];
    const reason = reasons[found]?.replace(/^.* of the same series is not shown to be safe, and the series/, BEFORE);
    return { finalist, measured, kept, bound: plain.bound, ...(reason !== undefined && { reason }) };
  });
}

/** Of each way the best score of those that qualify. */
export function choicesOf<T extends { readonly way: SearchWay }>(
  judged: readonly JudgedFinalist<T>[],
  better: "high" | "low",
): JudgedFinalist<T>[] {
  const ways = [...new Set(judged.map(({ finalist }) => finalist.way))];
  return ways.flatMap((way) => {
    const own = judged.filter(({ finalist, reason }) => finalist.way === way && reason === undefined);
    const [best] = own.sort((a, b) => byScore({ method: way, ...a.measured }, { method: way, ...b.measured }, better));
    return best ? [best] : [];
  });
}
