// The experiment's outcome on the test data in words, whichever way it comes out.

import { nameOf } from "../select/select.js";
import { fixed, percent } from "./numbers.js";
import type { ExperimentResults, MeasuredCandidate } from "./types.js";

/** The merge that the rule chose among all, on the test data. */
export function overallOf({ selection, test }: ExperimentResults): MeasuredCandidate | undefined {
  const { candidate } = selection.overall;
  return candidate === null ? undefined : test.chosen.find((one) => nameOf(one) === nameOf(candidate));
}

/** What the chosen merge keeps of both, whichever way it comes out. */
export function outcomeOf(results: ExperimentResults): string {
  const merged = overallOf(results);
  const { aligned, tuned } = results.test;
  const { labels } = results;
  const gain = tuned.score.value - aligned.score.value;
  const loss = tuned.asr.value - aligned.asr.value;
  const tuning = [
    gain > 0
      ? `tuning raised ${labels.score} from ${fixed(aligned.score.value)} to ${fixed(tuned.score.value)}`
      : `tuning did not raise ${labels.score} (${fixed(aligned.score.value)}, then ${fixed(tuned.score.value)})`,
    loss > 0
      ? `${labels.asr} rose from ${fixed(aligned.asr.value)} to ${fixed(tuned.asr.value)}`
      : `${labels.asr} did not rise (${fixed(aligned.asr.value)}, then ${fixed(tuned.asr.value)})`,
  ].join(gain > 0 === loss > 0 ? ", and " : ", but ");
  const sentence = `${tuning.charAt(0).toUpperCase()}${tuning.slice(1)}.`;
  if (!merged) return `${sentence} Nothing met the rule, so nothing was merged to ship.`;
  // what a rate of lost refusals leaves of those that the aligned model has
  const left = (1 - merged.asr.value) / (1 - aligned.asr.value);
  const before = (1 - tuned.asr.value) / (1 - aligned.asr.value);
  const parts = [
    ...(gain > 0 ? [`keeps ${percent((merged.score.value - aligned.score.value) / gain)} of the gain`] : []),
    ...(loss > 0 ? [back((tuned.asr.value - merged.asr.value) / loss)] : []),
    ...(aligned.asr.value < 1
      ? [`keeps ${percent(left)} of the aligned model's safe answers (the fine-tuned model ${percent(before)})`]
      : []),
  ];
  return `${sentence} The merge (${nameOf(merged)}) ${parts.slice(0, -1).join(", ")}${parts.length > 1 ? " and " : ""}${parts.at(-1) ?? "is measured below"}.`;
}

function back(share: number): string {
  return share < 0
    ? `loses ${percent(-share)} more of the safety that tuning cost`
    : `takes back ${percent(share)} of the safety that tuning cost`;
}
