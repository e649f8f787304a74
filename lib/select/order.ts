// The order of candidates: what is better, and what wins where two are equally good.

import { compareTexts, parametersText, seriesOf } from "./names.js";
import type { Better, Candidate, Point } from "./types.js";

/** The simplest first; dare and ties with whatever they are joined to, such as dare_linear. Others come after all of them. */
const SIMPLEST = ["linear", "slerp", "task_arithmetic", "dare", "ties"];

/** The score so that more is better. */
export function worth({ score }: Pick<Point, "score">, better: Better = "high"): number {
  return better === "low" ? -score.value : score.value;
}

/** The better score first; of equal ones the lower ASR, then the simplest method, fewer parameters, the smaller lambda. */
export function byScore(a: Candidate, b: Candidate, better: Better = "high"): number {
  return compare(worth(b, better), worth(a, better)) || compare(a.asr.value, b.asr.value) || bySimplicity(a, b);
}

/** The lower ASR first; then the better score, and as `byScore`. */
export function byAsr(a: Candidate, b: Candidate, better: Better = "high"): number {
  return compare(a.asr.value, b.asr.value) || compare(worth(b, better), worth(a, better)) || bySimplicity(a, b);
}

/**
 * Series by series, and in each from its safe end: the aligned model is at lambda 0. It does not depend on what was
 * measured, as a fixed sequence of tests must not.
 */
export function bySequence(a: Candidate, b: Candidate): number {
  const distance = ({ lambda = Number.MAX_VALUE }: Candidate) => Math.abs(lambda);
  return compareTexts(seriesOf(a), seriesOf(b)) || distance(a) - distance(b) || bySimplicity(a, b) || byScore(a, b);
}

/** Means over seeds of what is equal on paper may differ in their last digits. */
function compare(a: number, b: number): number {
  return Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b)) ? 0 : a - b;
}

function bySimplicity(a: Candidate, b: Candidate): number {
  const count = ({ parameters = {} }: Candidate) => Object.keys(parameters).length;
  // a method without a lambda comes after those with one
  const lambda = (one: Candidate) => one.lambda ?? Number.MAX_VALUE;
  return (
    complexity(a) - complexity(b) ||
    count(a) - count(b) ||
    lambda(a) - lambda(b) ||
    compareTexts(a.method, b.method) ||
    compareTexts(parametersText(a.parameters), parametersText(b.parameters))
  );
}

function complexity({ method }: Candidate): number {
  const at = SIMPLEST.findIndex((name) => method === name || method.startsWith(`${name}_`));
  return at < 0 ? SIMPLEST.length : at;
}
