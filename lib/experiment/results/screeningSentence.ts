// What was left out by proxies, and why, in words.

import type { ProxyScreening } from "../../report/types.js";

/** @param merges how many there are in all */
export function screeningSentence(
  { limit, sample, agreement, screened }: Omit<ProxyScreening, "sentence">,
  merges: number,
): string {
  const lowest = (name: string) => agreement.find(({ proxy }) => proxy === name)?.low;
  const [refusal, loss] = [lowest("refusal"), lowest("taskLoss")];
  const text = (low: number | undefined) => (low === undefined ? "not known" : low.toFixed(2));
  const sampled = `${sample.length} of ${merges} merges were asked before anything was screened`;
  if (refusal === undefined || refusal < limit) {
    return `Nothing was screened out by proxies: ${sampled}, and the lower end of the rank correlation of refusals with their answers is ${text(refusal)}; it takes ${limit.toFixed(2)}.`;
  }
  const ends = `the lower ends of the rank correlations are ${text(refusal)} for refusals and ${text(loss)} for the task`;
  const count = (wanted: string) => screened.filter(({ why }) => why === wanted).length;
  const why = [
    ...(count("unsafe") > 0 ? [`${count("unsafe")} less safe than one that is above the margin`] : []),
    ...(count("dominated") > 0 ? [`${count("dominated")} worse in both signals than one that qualifies`] : []),
    ...(count("series") > 0 ? [`${count("series")} after one of these in their series`] : []),
  ];
  const out =
    screened.length === 0
      ? "No other merge is clearly worse by its proxies, and all were asked"
      : `${screened.length} were screened out by proxies, not measured (${why.join(", ")}): ${screened.map(({ name }) => name).join(", ")}`;
  return `${out}. ${sampled.charAt(0).toUpperCase()}${sampled.slice(1)}: ${ends} (${limit.toFixed(2)} is needed).`;
}
