// The series of the figures: which candidates belong together, in which colour and symbol.

import { seriesOf } from "../../select/names.js";
import type { Candidate } from "../../select/types.js";
import { PALETTE_SIZE } from "../page/style.js";
import type { MeasuredCandidate } from "../types.js";

/** A method with its parameters: "dare_linear (density 0.5)", "resta over gamma at lambda 1". */
export function seriesName(candidate: Pick<Candidate, "method" | "lambda" | "parameters" | "varied">): string {
  const { method, parameters, varied } = candidate;
  if (varied) return seriesOf(candidate);
  const more = Object.entries(parameters ?? {}).map(([name, value]) => `${name} ${value}`);
  return more.length === 0 ? method : `${method} (${more.join(", ")})`;
}

/** In one order for all figures, so that a method has one colour. */
export function seriesNames(candidates: readonly Candidate[]): string[] {
  return [...new Set(candidates.map(seriesName))];
}

/** The page's own colours, which differ by ground. */
export function colourOf(at: number): string {
  return `var(--series-${at % PALETTE_SIZE})`;
}

/** Whether lambda 1 is the fine-tuned model: DARE, TIES and their like leave entries of its difference out. */
export function endsInTuned({ method, parameters }: Candidate): boolean {
  return parameters?.density === 1 || !/^(dare|ties|della|breadcrumbs)/.test(method);
}

/** Whether all of its items were asked; where they were not, its numbers are no result. */
export function isMeasured(candidate: MeasuredCandidate): boolean {
  return candidate.unfinished === undefined;
}
