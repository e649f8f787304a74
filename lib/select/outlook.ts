// What stands beside a choice: the next best, and what it would take to decide better.

import { completePoint, completeTable, type SelectionSource } from "./completeTable.js";
import { type Judged, judge } from "./judge.js";
import { candidateId, nameOf } from "./names.js";
import { nearestCandidate, whatItTakes } from "./nearestCandidate.js";
import { byScore, worth } from "./order.js";
import { qualify } from "./qualify.js";
import { completeRule } from "./rule.js";
import { tableGate } from "./tableGate.js";
import type { Candidate, NearestCandidate, SelectionRule } from "./types.js";

/** A candidate that does not qualify, and what would let it. */
export interface Reachable extends NearestCandidate {
  /** The upper bound that its rule goes by. */
  readonly bound: number;
  /** Share of the gain. */
  readonly kept?: number | undefined;
  /** Items that were compared. */
  readonly n?: number | undefined;
}

export interface Outlook {
  /** The best of the others that qualify. */
  readonly next?: { readonly candidate: Candidate; readonly kept?: number | undefined } | undefined;
  /**
   * Of "constrained": the nearest that does not qualify, of a better score than the choice where there is one; else the
   * nearest that is useful.
   */
  readonly better?: Reachable | undefined;
  /** Of "constrained": the least margin at which the choice qualifies. */
  readonly margin?: number | undefined;
  /** Where the choice was not confirmed: what would have confirmed it. */
  readonly confirm?: Reachable | undefined;
}

/**
 * What stands beside a choice, worked out again from the table that it was made from.
 * @param chosen the choice; null where nothing qualifies
 * @param tested the choice on the data that confirm, and the aligned model there, where it was not confirmed
 * @throws RetemperError as `select`
 * @example
 * ```ts
 * import { outlook } from "retemper";
 *
 * const asr = (attacks: number) => ({ value: attacks / 80, values: [Array.from({ length: 80 }, (_, at) => (at < attacks ? 1 : 0))] });
 * const aligned = { asr: asr(2), score: { value: 0.1 } };
 * const candidates = [
 *   { method: "linear", lambda: 0.2, asr: asr(2), score: { value: 0.6 } },
 *   { method: "linear", lambda: 0.4, asr: asr(5), score: { value: 0.8 } },
 * ];
 * const { better } = outlook({ aligned, candidates }, "constrained:0.08", candidates[0] ?? null);
 * console.log(better?.candidate.lambda, better?.margin.toFixed(3), better?.items); // 0.4 0.090 174
 * ```
 */
export function outlook(
  source: SelectionSource,
  rule: SelectionRule | string,
  chosen: Candidate | null,
  tested?: { readonly aligned: Candidate | Omit<Candidate, "method">; readonly candidate: Candidate },
): Outlook {
  const table = completeTable(source);
  const settings = completeRule(rule);
  const gate = tableGate(settings, table);
  const judged = judge(table, settings, gate);
  const reasons = qualify(judged, settings);
  const isChoice = ({ candidate }: Judged) => chosen !== null && candidateId(candidate) === candidateId(chosen);
  const own = judged.find(isChoice);
  const next = judged
    .filter((one, at) => reasons[at] === undefined && !isChoice(one))
    .sort((a, b) => byScore(a.candidate, b.candidate, table.better))[0];
  const claims = settings.rule === "constrained";
  const failed = new Set(judged.filter((_, at) => reasons[at] !== undefined));
  const least = own ? worth(own.candidate, table.better) + EQUAL : Number.NEGATIVE_INFINITY;
  const counts = (one: Judged) => failed.has(one) && worth(one.candidate, table.better) > least;
  const near = claims ? nearestCandidate(judged, counts, settings, table.better) : undefined;
  const itself = claims && own ? nearestCandidate(judged, isChoice, settings, table.better) : undefined;
  return {
    ...(next && settings.rule !== "knee" && { next: { candidate: next.candidate, kept: next.kept } }),
    ...(near && { better: reachable(near.judged, whatItTakes(near, table, settings)) }),
    ...(itself && { margin: itself.margin }),
    ...(tested && claims && { confirm: confirmed(table, settings, tested) }),
  };
}

/** Scores that are equal on paper may differ in their last digits. */
const EQUAL = 1e-9;

function reachable({ adjusted, kept }: Judged, taken: NearestCandidate): Reachable {
  return { ...taken, bound: adjusted.bound, kept, n: adjusted.n };
}

/** One hypothesis: its level is not divided. */
function confirmed(
  { labels, calibration }: ReturnType<typeof completeTable>,
  rule: ReturnType<typeof completeRule>,
  { aligned, candidate }: { readonly aligned: Omit<Candidate, "method">; readonly candidate: Candidate },
): Reachable | undefined {
  const one = completePoint(candidate, nameOf(candidate), aligned);
  const table = { labels, calibration, aligned, candidates: [one] };
  const [own] = judge(table, { ...rule, gate: undefined }, undefined);
  return own && reachable(own, whatItTakes({ judged: own, margin: Math.max(0, own.plain.bound) }, table, rule));
}
