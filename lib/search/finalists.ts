// Which candidates of a search are measured on the second set, and which of those the rule takes there.

import type { Measured } from "../report/types.js";
import type { Gate } from "../select/gate.js";
import { judge } from "../select/judge.js";
import { byScore } from "../select/order.js";
import { qualify } from "../select/qualify.js";
import type { CompleteRule, SelectionTable } from "../select/types.js";
import { ranked } from "./searchLoop.js";
import type { SearchedCandidate, SearchWay } from "./types.js";

interface Searched extends SearchedCandidate {
  /** The score so that more is better. */
  readonly worth: number;
}

/**
 * The best of each way, each once, in the order in which they are looked at: from the one that looked safest where it was searched for.
 * That order is known before the second set is looked at, so a sequence of tests along it needs no correction for their number.
 */
export function finalistsOf<T extends Searched>(candidates: readonly T[], most: number, margin: number): T[] {
  const ways = [...new Set(candidates.map(({ way }) => way))];
  return ways.flatMap((way) => {
    const own = candidates.filter((one) => one.way === way);
    const once = [
      ...new Map(
        ranked(own, margin)
          .reverse()
          .map((one) => [one.coefficients.join(), one]),
      ).values(),
    ];
    return ranked(once, margin)
      .slice(0, most)
      .sort((a, b) => a.bound - b.bound || a.number - b.number);
  });
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
    // a place in the sequence stands where a method has its lambda
    return { method: way, lambda: place, ...measured };
  });
  const judged = judge({ ...table, candidates }, rule, gate);
  const reasons = qualify(judged, rule);
  return finalists.map(({ finalist, measured }, at) => {
    const found = judged.findIndex(({ candidate }) => candidate === candidates[at]);
    const { plain, kept } = judged[found] as (typeof judged)[number];
    const reason = reasons[found];
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
