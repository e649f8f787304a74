// The next best, and what it would take to decide better, in words.

import { nameOf } from "../../select/names.js";
import { type Outlook, outlook, type Reachable } from "../../select/outlook.js";
import { intervalText, marginText, rateText, shareText } from "../../select/words.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults } from "../types.js";
import type { Summary } from "./summary.js";

export function outlookText(results: ExperimentResults): Pick<Summary, "next" | "better"> {
  const { selection, validation, test, confirmation, labels } = results;
  const { rule, overall } = selection;
  const merged = overallOf(results);
  const tested =
    merged && confirmation?.holds === false && !(confirmation.gate?.holds === false)
      ? { aligned: test.aligned, candidate: merged }
      : undefined;
  const measured = { ...validation, candidates: validation.candidates.filter(({ unfinished }) => !unfinished) };
  const found = outlook({ validation: measured, labels }, rule, overall.candidate, tested);
  return { next: nextText(found, results), better: betterText(found, results) };
}

function nextText({ next, better }: Outlook, { labels, selection, confirmation }: ExperimentResults): string {
  if (confirmation?.holds === false) {
    const others = "Nothing else may be chosen on the items that did not confirm: take others.";
    return next ? `${nameOf(next.candidate)} qualified too on the data that chose. ${others}` : others;
  }
  if (next) {
    const { candidate, kept } = next;
    const share = kept === undefined ? "" : ` (${shareText(kept)} of the gain)`;
    return `${nameOf(candidate)} qualifies too: ${labels.score} ${intervalText(candidate.score)}${share}, ${labels.asr} ${intervalText(candidate.asr)}.`;
  }
  const none = selection.overall.candidate === null ? "Nothing qualifies" : "Nothing else qualifies";
  if (!better) return `${none}.`;
  const { candidate, bound, kept } = better;
  const share = kept === undefined ? "" : `, which keeps ${shareText(kept)} of the gain,`;
  return `${none}. The nearest, ${nameOf(candidate)}${share} has ${labels.asr} ${rateText(candidate.asr.value)}${selection.rule.by === "upper" ? `, with the upper bound ${rateText(bound)} above the aligned model's` : ""}.`;
}

function betterText({ better, margin, confirm }: Outlook, results: ExperimentResults): string[] {
  const { selection } = results;
  const { rule, overall } = selection;
  const halves = results.parts?.split === true;
  return [
    ...(confirm
      ? [
          `To confirm ${nameOf(confirm.candidate)}: the margin ${marginText(confirm.margin)}${itemsText(confirm, halves, "confirm")}. Fix either before new items are asked: these have been used.`,
        ]
      : []),
    ...(better && results.confirmation?.holds !== false
      ? [
          `${overall.candidate === null ? "To choose" : "For the better score of"} ${nameOf(better.candidate)}: the margin ${marginText(better.margin)}${rule.by === "upper" ? itemsText(better, halves, "choose") : ""}.`,
        ]
      : []),
    ...(margin !== undefined && overall.candidate !== null && results.confirmation?.holds !== false
      ? [`The choice qualifies at margins from ${marginText(margin)}; the rule's is ${rule.margin}.`]
      : []),
    ...(rule.rule === "constrained" || overall.candidate === null
      ? []
      : ["A rule that looks at safety, such as constrained, would say whether it is as safe as the aligned model."]),
    ...(better || confirm || overall.candidate !== null
      ? []
      : ["No margin would do: finer lambdas, other methods, or a tuning that gains more."]),
  ];
}

function itemsText({ items, n }: Reachable, halves: boolean, verb: "choose" | "confirm"): string {
  if (items === undefined) return "; more items would hardly do";
  const all = halves ? `, ${2 * items} in both halves` : "";
  return `, or about ${items} items that ${verb}${n === undefined ? "" : ` instead of ${n}`}${all}, if its rate is what was measured`;
}
