// The Pareto front of score and attack success rate, and the order that breaks ties.

import type { Candidate } from "./types.js";

/** The better score first; then the lower ASR, the smaller lambda (nearer to the aligned model), method, parameters. */
export function byScore(a: Candidate, b: Candidate): number {
  return b.score.value - a.score.value || a.asr.value - b.asr.value || byName(a, b);
}

/** The lower ASR first; then the better score, and as `byScore`. */
export function byAsr(a: Candidate, b: Candidate): number {
  return a.asr.value - b.asr.value || b.score.value - a.score.value || byName(a, b);
}

function byName(a: Candidate, b: Candidate): number {
  // a method without a lambda comes after those with one
  const [left, right] = [a.lambda ?? Number.MAX_VALUE, b.lambda ?? Number.MAX_VALUE];
  return left - right || compareTexts(a.method, b.method) || compareTexts(parametersText(a), parametersText(b));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The parameters in one fixed order. */
export function parametersText({ parameters = {} }: Candidate): string {
  const sorted = Object.entries(parameters).sort(([a], [b]) => compareTexts(a, b));
  return sorted.map(([name, value]) => `${name} ${value}`).join(", ");
}

/** Whether `a` is at least as good as `b` in both numbers, and better in one. */
export function dominates(a: Candidate, b: Candidate): boolean {
  const [score, asr] = [a.score.value - b.score.value, b.asr.value - a.asr.value];
  return score >= 0 && asr >= 0 && score + asr > 0;
}

/**
 * Candidates that none dominates, by ascending ASR. Two that are equal in both numbers are both on it.
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
export function paretoFront(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter((one) => !candidates.some((other) => dominates(other, one))).sort(byAsr);
}
