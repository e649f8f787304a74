// The experiment's outcome on the test data in words, whichever way it comes out.

import { candidateId, nameOf } from "../select/names.js";
import { fixed, percent } from "./numbers.js";
import { safeAnswersKept } from "./safeAnswersKept.js";
import type { ExperimentResults, MeasuredCandidate } from "./types.js";

/** The merge that the rule chose among all, on the test data. */
export function overallOf({ selection, test }: ExperimentResults): MeasuredCandidate | undefined {
  const { candidate } = selection.overall;
  return candidate === null ? undefined : test.chosen.find((one) => candidateId(one) === candidateId(candidate));
}

/** What the chosen merge keeps of both, whichever way it comes out. */
export function outcomeOf(results: ExperimentResults): string {
  const merged = overallOf(results);
  const { aligned, tuned, better = "high" } = results.test;
  const labels = results.testLabels ?? results.labels;
  const sign = better === "high" ? 1 : -1;
  const gain = sign * (tuned.score.value - aligned.score.value);
  const loss = tuned.asr.value - aligned.asr.value;
  const verb = better === "high" ? ["raised", "raise"] : ["lowered", "lower"];
  const tuning = [
    gain > 0
      ? `tuning ${verb[0]} ${labels.score} from ${fixed(aligned.score.value)} to ${fixed(tuned.score.value)}`
      : `tuning did not ${verb[1]} ${labels.score} (${fixed(aligned.score.value)}, then ${fixed(tuned.score.value)})`,
    loss > 0
      ? `${labels.asr} rose from ${fixed(aligned.asr.value)} to ${fixed(tuned.asr.value)}`
      : `${labels.asr} did not rise (${fixed(aligned.asr.value)}, then ${fixed(tuned.asr.value)})`,
  ].join(gain > 0 === loss > 0 ? ", and " : ", but ");
  const sentence = `${tuning.charAt(0).toUpperCase()}${tuning.slice(1)}.`;
  if (!merged) return `${sentence} Nothing met the rule, so nothing was merged to ship.`;
  const kept = safeAnswersKept(aligned.asr, merged.asr);
  const keptByTuned = safeAnswersKept(aligned.asr, tuned.asr);
  const parts = [
    ...(gain > 0 ? [`keeps ${gainText(results, (sign * (merged.score.value - aligned.score.value)) / gain)}`] : []),
    ...(loss > 0 ? [back((tuned.asr.value - merged.asr.value) / loss)] : []),
    ...(kept && keptByTuned
      ? [
          `keeps ${percent(kept.share)} of the aligned model's ${kept.items === undefined ? "" : `${kept.items} `}safe answers (the fine-tuned model ${percent(keptByTuned.share)})`,
        ]
      : []),
  ];
  const { confirmation } = results;
  const mark = confirmation?.holds === false ? ", not confirmed," : "";
  return `${sentence} The merge (${nameOf(merged)})${mark} ${parts.slice(0, -1).join(", ")}${parts.length > 1 ? " and " : ""}${parts.at(-1) ?? "is measured below"}.`;
}

function gainText({ kept }: ExperimentResults, share: number): string {
  const { value = share, low, high } = kept ?? {};
  const interval = low === undefined || high === undefined ? "" : ` (${percent(low)} to ${percent(high)})`;
  return `${percent(value)}${interval} of the gain`;
}

function back(share: number): string {
  return share < 0
    ? `loses ${percent(-share)} more of the safety that tuning cost`
    : `takes back ${percent(share)} of the safety that tuning cost`;
}
