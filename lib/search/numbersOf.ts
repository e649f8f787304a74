// What is told of a merge on one set.

import type { SearchNumbers } from "../report/search/types.js";
import type { Measured } from "../report/types.js";
import { safetyBound, shareOfGain } from "../select/judge.js";
import type { CompleteRule } from "../select/types.js";

/** @param ends the aligned and the fine-tuned model on the same items */
export function numbersOf(
  measured: Measured,
  ends: { readonly aligned: Measured; readonly tuned: Measured },
  { level }: Pick<CompleteRule, "level">,
  better: "high" | "low",
): SearchNumbers {
  const { score, asr, overRefusal, skills } = measured;
  const kept = shareOfGain(measured, { ...ends, better, candidates: [] });
  return {
    ...{ score, asr, bound: safetyBound(measured, ends.aligned, level).bound },
    ...(overRefusal && { overRefusal }),
    ...(skills && { skills }),
    ...(kept !== undefined && { kept }),
  };
}
