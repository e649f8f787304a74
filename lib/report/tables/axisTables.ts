// What a merge cost beside safety: over-refusal and skills of the choice, and the merges that no other beats in all numbers.

import { candidateId, nameOf } from "../../select/names.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import { axesOf } from "../axes.js";
import { dataOf } from "../dataNames.js";
import { fixed, intervalsNote, percent, pText, quantity, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults } from "../types.js";
import { modelColumns } from "./modelColumns.js";
import type { ReportTable } from "./reportTable.js";

/** Each axis on the test data: the models, what the merge lies above the aligned one, and what of it is kept. */
export function axisTable(results: ExperimentResults): ReportTable {
  const { test, paired } = results;
  const merged = overallOf(results);
  const name = merged && nameOf(merged);
  const axes = axesOf(test);
  return {
    id: "axes",
    caption: "What else did it cost?",
    data: dataOf(results, "test"),
    head: ["number", "aligned", "fine-tuned", "merged", "merge - aligned", "p, Holm", "kept of the aligned model's"],
    rows: axes.map(({ name: own, label, higher, of }) => {
      const [aligned, tuned] = [of(test.aligned), of(test.tuned)];
      const found = merged && of(merged);
      const { values: a, weights, groups } = aligned ?? {};
      const difference = a && found?.values && pairedDifference(a, found.values, { weights, groups });
      const tested = paired.find((one) => one.a === "aligned" && one.b === name && one.metric === own);
      const share = aligned && found && shareKept(aligned.value, found.value, higher);
      return [
        `${label}, ${higher ? "higher" : "lower"} is better`,
        ...[aligned, tuned, found].map(quantity),
        difference ? `${signed(difference.value)} (${fixed(difference.low)} to ${fixed(difference.high)})` : "",
        tested ? pText(tested.pHolm) : "",
        own !== "overRefusal" && share !== undefined && Number.isFinite(share) ? percent(share) : "",
      ];
    }),
    note: `${intervalsNote(results.validation)} Differences are over the same items, in pairs, with their 95 % intervals of these tunings; Holm's p is over all paired tests of the report.`,
  };
}

/** Of a number below 0 the better one is nearer to it where more is better: there, as of a loss, the share is the other way round. */
function shareKept(aligned: number, own: number, higher: boolean): number | undefined {
  if (aligned < 0 !== own < 0) return undefined;
  return higher === aligned >= 0 ? own / aligned : aligned / own;
}

/** The front of all numbers, on the data that chose. */
export function wholeFrontTable(results: ExperimentResults): ReportTable {
  const { selection, validation, labels } = results;
  const ids = new Set((selection.wholeFront ?? []).map(candidateId));
  const front = validation.candidates.filter((one) => ids.has(candidateId(one)));
  const all = [validation.aligned, ...front, validation.tuned];
  const { head, of } = modelColumns(labels, all);
  const chosen = selection.overall.candidate && candidateId(selection.overall.candidate);
  return {
    id: "whole-front",
    caption: "Merges that no other beats in all numbers",
    data: dataOf(results, "validation"),
    head: ["merge", ...head],
    rows:
      front.length === 0
        ? []
        : [
            ["aligned", ...of(validation.aligned)],
            ...front.map((one) => [`${nameOf(one)}${candidateId(one) === chosen ? " (the choice)" : ""}`, ...of(one)]),
            ["fine-tuned", ...of(validation.tuned)],
          ],
    note: `${front.length} of ${validation.candidates.length}: each is better than every other one in the score, in ${labels.asr}, in over-refusal or in a skill, as measured; that is no test. ${intervalsNote(results.validation)}`,
  };
}
