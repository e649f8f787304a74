// The Pareto front of score and attack success rate.

import { byAsr, worth } from "./order.js";
import type { Better, Candidate, Quantity, SelectionTable } from "./types.js";

/** Whether `a` is at least as good as `b` in both numbers, and better in one. */
export function dominates(a: Candidate, b: Candidate, better: Better = "high"): boolean {
  const [score, asr] = [worth(a, better) - worth(b, better), b.asr.value - a.asr.value];
  return score >= 0 && asr >= 0 && score + asr > 0;
}

/**
 * Candidates that none dominates, by ascending ASR. Two that are equal in both numbers are both on it.
 * @param better the direction of the score; "low" for perplexity and loss
 * @example
 * ```ts
 * import { paretoFront } from "retemper";
 *
 * const candidates = [
 *   { method: "linear", lambda: 0.2, asr: { value: 0.01 }, score: { value: 0.4 } },
 *   { method: "linear", lambda: 0.4, asr: { value: 0.02 }, score: { value: 0.7 } },
 *   { method: "linear", lambda: 0.6, asr: { value: 0.2 }, score: { value: 0.8 } },
 *   { method: "slerp", lambda: 0.6, asr: { value: 0.25 }, score: { value: 0.75 } },
 * ];
 * console.log(paretoFront(candidates).map(({ method, lambda }) => [method, lambda]).length); // 3
 * ```
 */
export function paretoFront(candidates: readonly Candidate[], better: Better = "high"): Candidate[] {
  return candidates
    .filter((one) => !candidates.some((other) => dominates(other, one, better)))
    .sort((a, b) => byAsr(a, b, better));
}

/**
 * Candidates that none dominates in all of their numbers: score, attack success rate, over-refusal and each skill; by ascending ASR.
 * One dominates another only where it has each number that the other has, so that with gaps in a table, too, what is dominated is
 * dominated by one of the front.
 * @param skills their directions
 */
export function wholeFront(
  candidates: readonly Candidate[],
  { better = "high", skills = {} }: Pick<SelectionTable, "better" | "skills">,
): Candidate[] {
  const worths = candidates.map(({ score, asr, overRefusal, skills: own = {} }) => [
    worthOf(score, better),
    worthOf(asr, "low"),
    worthOf(overRefusal, "low"),
    ...Object.keys(skills).map((name) => worthOf(own[name], skills[name]?.better ?? "high")),
  ]);
  const beats = (a: readonly number[], b: readonly number[]) => {
    const leads = b.flatMap((value, at) => (Number.isNaN(value) ? [] : [(a[at] as number) - value]));
    return leads.every((one) => one >= 0) && leads.some((one) => one > 0);
  };
  return candidates
    .filter((_, at) => !worths.some((other) => beats(other, worths[at] as number[])))
    .sort((a, b) => byAsr(a, b, better));
}

/** So that more is better; NaN where it was not measured. */
function worthOf(quantity: Quantity | undefined, better: Better): number {
  if (!quantity) return Number.NaN;
  return better === "high" ? quantity.value : -quantity.value;
}
