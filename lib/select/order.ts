// The order of candidates: what is better, and what wins where two are equally good.

import { compareTexts, seriesOf } from "./names.js";
import type { Better, Candidate, Point } from "./types.js";

/** The simplest first; dare and ties with whatever they are joined to, such as dare_linear. Others come after all of them. */
const SIMPLEST = ["linear", "slerp", "task_arithmetic", "dare", "ties"];

/** The score so that more is better. */
export function worth({ score }: Pick<Point, "score">, better: Better = "high"): number {
  return better === "low" ? -score.value : score.value;
}

/** The better score first; of equal ones the lower ASR, then the simplest method, fewer parameters, what is nearer the safe end. */
export function byScore(a: Candidate, b: Candidate, better: Better = "high"): number {
  return compare(worth(b, better), worth(a, better)) || compare(a.asr.value, b.asr.value) || bySimplicity(a, b);
}

/** The lower ASR first; then the better score, and as `byScore`. */
export function byAsr(a: Candidate, b: Candidate, better: Better = "high"): number {
  return compare(a.asr.value, b.asr.value) || compare(worth(b, better), worth(a, better)) || bySimplicity(a, b);
}

/** Series by series, and in each from its safe end. It does not depend on what was measured, as a fixed sequence of tests must not. */
export function bySequence(a: Candidate, b: Candidate): number {
  return compareTexts(seriesOf(a), seriesOf(b)) || fromSafeEnd(a, b) || byScore(a, b);
}

/** Of one series, from its safe end: the smallest lambda, since the aligned model is at 0, or the end that is declared of what is varied. */
export function fromSafeEnd(a: Unmeasured, b: Unmeasured): number {
  const distance = ({ lambda = Number.MAX_VALUE }: Unmeasured) => Math.abs(lambda);
  return distance(a) - distance(b) || bySimplicity(a, b);
}

type Unmeasured = Pick<Candidate, "method" | "lambda" | "parameters" | "varied">;

/** Means over seeds of what is equal on paper may differ in their last digits. */
function compare(a: number, b: number): number {
  return Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b)) ? 0 : a - b;
}

function bySimplicity(a: Unmeasured, b: Unmeasured): number {
  const count = ({ parameters = {} }: Unmeasured) => Object.keys(parameters).length;
  // a method without a lambda comes after those with one
  const lambda = (one: Unmeasured) => one.lambda ?? Number.MAX_VALUE;
  return (
    complexity(a) - complexity(b) ||
    count(a) - count(b) ||
    lambda(a) - lambda(b) ||
    compareTexts(a.method, b.method) ||
    compareTexts(seriesOf(a), seriesOf(b)) ||
    towardsUnsafe(a) - towardsUnsafe(b)
  );
}

/** What is varied, so that smaller is safer. */
function towardsUnsafe({ varied, parameters = {} }: Unmeasured): number {
  if (!varied) return 0;
  const value = Number(parameters[varied.parameter]);
  return varied.safer === "larger" ? -value : value;
}

function complexity({ method }: Unmeasured): number {
  const at = SIMPLEST.findIndex((name) => method === name || method.startsWith(`${name}_`));
  return at < 0 ? SIMPLEST.length : at;
}
