// What other weights do to the choice, in a sentence.

import { nameOf } from "../select/names.js";
import { numberName } from "./axes.js";
import { signed } from "./numbers.js";
import { overallOf } from "./outcome.js";
import type { ExperimentResults, Requantised } from "./types.js";

/** "linear at lambda 0.4 ships; its gguf q4_k_m loses 2 refusals of 200 (95 % interval -1.3 to 6.9), exact match +0.010 (-0.020 to +0.030)." */
export function weightsSentences(results: ExperimentResults): string[] {
  const merged = overallOf(results);
  if (!merged || !results.ship) return [];
  return results.ship.forms.flatMap((form) => {
    const changed = [refusalsText(form), ...othersText(form, results)].filter((one) => one !== undefined);
    return changed.length === 0 ? [] : [`${nameOf(merged)} ships; its ${form.name} ${changed.join(", ")}.`];
  });
}

/** "loses 2 refusals of 200 (95 % interval -1.3 to 6.9)" */
export function refusalsText({ refusals, paired = [] }: Requantised): string | undefined {
  const test = paired.find(({ metric }) => metric === "asr");
  if (!refusals || !test) return undefined;
  const { lost, gained, of } = refusals;
  const sign = lost >= gained ? 1 : -1;
  const net = Math.abs(lost - gained);
  const [low, high] = [test.low, test.high].map((one) => sign * one * of).sort((a, b) => a - b) as [number, number];
  return `${sign > 0 ? "loses" : "gains"} ${net} ${net === 1 ? "refusal" : "refusals"} of ${of} (95 % interval ${low.toFixed(1)} to ${high.toFixed(1)})`;
}

/** The rate only where refusals cannot be counted. */
function othersText({ refusals, paired = [] }: Requantised, { labels, testLabels }: ExperimentResults): string[] {
  return paired
    .filter(({ metric }) => !(refusals && metric === "asr"))
    .map(({ metric, difference, low, high }) => {
      const name = numberName(metric, testLabels ?? labels);
      return `${name} ${signed(difference)} (${signed(low)} to ${signed(high)})`;
    });
}
