// A choice in words: what was chosen and by which numbers; or that nothing qualifies, and what it would take.

import type { CompleteTable } from "./completeTable.js";
import type { Judged } from "./judge.js";
import { nameOf } from "./names.js";
import { byScore } from "./order.js";
import { gateNumbers, isUseful, qualify } from "./qualify.js";
import type { CompleteRule, GateVerdict, NearestCandidate, SafetyBound, ShareKept } from "./types.js";
import {
  aboveText,
  basisText,
  counted,
  intervalText,
  keptText,
  levelText,
  marginText,
  rateText,
  shareText,
} from "./words.js";

/** Of the rules "score" and "constrained". @param count candidates that qualify */
export function chosenSentence(
  best: Judged,
  {
    count,
    all,
    kept,
  }: { readonly count: number; readonly all: readonly Judged[]; readonly kept?: ShareKept | undefined },
  { labels, aligned, tuned }: CompleteTable,
  rule: CompleteRule,
): string {
  const { candidate } = best;
  const name = nameOf(candidate);
  const score = `${labels.score} ${rateText(candidate.score.value)}`;
  const asr = `${labels.asr} ${intervalText(candidate.asr)}`;
  if (rule.rule === "score") {
    const among =
      rule.gate === undefined ? counted(all) : `the ${count} of ${counted(all)} that pass the gate ${rule.gate}`;
    return `${name} has the best validation ${labels.score} of ${among}: ${score} and ${asr}.`;
  }
  const within =
    rule.by === "point" || best.adjusted.basis === "values"
      ? `whose measured ${labels.asr} is at most ${rule.margin} above the aligned model's`
      : `that are shown to be as safe as the aligned model within ${rule.margin}`;
  const gated = rule.gate === undefined ? "" : ` and that pass the gate ${rule.gate}`;
  const useful = kept && rule.minGain > 0 ? ` and that keep ${shareText(rule.minGain)} of the gain` : "";
  const share = kept
    ? `, which keeps ${keptText(kept)} of the fine-tuned model's gain,`
    : tuned && rule.minGain > 0
      ? ", of which no share is asked, because the fine-tuned model has no gain,"
      : "";
  const above = `${aboveText(best.plain.value)} the aligned model's ${rateText(aligned.asr.value)}`;
  const bound =
    rule.by === "point"
      ? "a comparison of what was measured, which shows nothing of other items"
      : boundText(best.plain, best.adjusted);
  return `${name} has the best validation ${labels.score} of the ${count} of ${counted(all)} ${within}${gated}${useful}: ${score}${share} and ${asr}, ${above} (${bound}).`;
}

/** "upper bound 0.041 at 97.5 %, which is 95 % divided between series; 0.038 undivided; in pairs on 150 items". */
export function boundText(plain: SafetyBound, adjusted: SafetyBound): string {
  if (adjusted.basis === "values") return basisText(adjusted);
  const own = `upper bound ${rateText(adjusted.bound)} at ${levelText(adjusted.level)}`;
  const divided =
    adjusted.level === plain.level
      ? ""
      : `, which is ${levelText(plain.level)} divided between series; ${rateText(plain.bound)} undivided`;
  return `${own}${divided}; ${basisText(adjusted)}`;
}

interface NearestFacts extends NearestCandidate {
  readonly judged: Judged;
  /** Whether the number of items was asked for. */
  readonly asked?: boolean | undefined;
}

/** Where nothing qualifies. */
export function nothingSentence(
  all: readonly Judged[],
  { labels, better }: CompleteTable,
  rule: CompleteRule,
  nearest: NearestFacts | undefined,
): string {
  if (all.length === 0) return "There are no candidates.";
  const passing = all.filter(({ gate }) => gate.every(({ holds }) => holds)); // those that were not asked everything, too
  if (passing.length === 0) return `None of ${counted(all)} passes the gate ${rule.gate}.${nearestToGate(all)}`;
  const gated = rule.gate === undefined ? "" : `passes the gate ${rule.gate} and `;
  const share = rule.minGain > 0 && all.some(({ kept }) => kept !== undefined);
  const gain = share ? `keeps ${shareText(rule.minGain)} of the fine-tuned model's gain` : "qualifies";
  if (rule.rule !== "constrained") return `Nothing qualifies: of ${counted(all)} none ${gated}${gain}.`;
  const safe =
    rule.by === "point"
      ? `has a measured ${labels.asr} at most ${rule.margin} above the aligned model's`
      : `is shown to be as safe as the aligned model within ${rule.margin}`;
  const parts = [`Nothing qualifies: of ${counted(all)} none ${gated}${safe}${share ? ` and ${gain}` : ""}.`];
  const safety = qualify(all, { ...rule, minGain: 0 });
  const useless = all
    .filter((one, at) => safety[at] === undefined && !isUseful(one, rule))
    .sort((a, b) => byScore(a.candidate, b.candidate, better))[0];
  if (useless) {
    parts.push(
      `${nameOf(useless.candidate)} is safe enough, and is not a choice: it keeps ${shareText(useless.kept as number)} of the gain.`,
    );
  }
  if (nearest) parts.push(nearestSentence(nearest, rule, labels.asr));
  return parts.join(" ");
}

/** How many of them were left out, on the way or by proxies, and what that means. */
export function unfinishedText(all: readonly Judged[]): string {
  const screened = all.filter(({ candidate }) => candidate.unfinished === "screened").length;
  if (screened > 0)
    return ` ${screened} of ${counted(all)} ${screened === 1 ? "was" : "were"} screened out by proxies, not measured: what answers would say of ${screened === 1 ? "it" : "them"} is not known.`;
  const count = all.filter(({ candidate }) => candidate.unfinished).length;
  if (count === 0) return "";
  return ` ${count} of ${counted(all)} ${count === 1 ? "was" : "were"} not asked everything: by this rule, nothing of ${count === 1 ? "it" : "them"} could be the choice any more; another rule might take one.`;
}

function nearestSentence({ judged, margin, items, asked }: NearestFacts, rule: CompleteRule, asr: string): string {
  const { candidate, plain, adjusted, kept } = judged;
  const useful = kept === undefined ? "The nearest" : "The nearest that is useful";
  const share = kept === undefined ? "" : `, which keeps ${shareText(kept)} of the gain,`;
  const bound = rule.by === "point" ? "" : ` (${boundText(plain, adjusted)})`;
  const takes = `it would take the margin ${marginText(margin)}`;
  const others = rule.everySeed
    ? "what comes before it in its series and every seed"
    : "what comes before it in its series";
  const ending =
    rule.by === "point"
      ? takes
      : adjusted.bound <= rule.margin
        ? `that is within the margin, and ${others} is not: ${takes}`
        : `${takes}${margin > adjusted.bound ? ` (with ${others})` : ""}${asked && adjusted.basis !== "values" ? itemsText(items, adjusted.n) : ""}`;
  return `${useful}, ${nameOf(candidate)}${share} has ${asr} ${aboveText(plain.value)} the aligned model's${bound}: ${ending}.`;
}

function itemsText(items: number | undefined, n: number | undefined): string {
  const more =
    items === undefined
      ? "; more items would hardly do"
      : `, or about ${items} items${n === undefined ? "" : ` instead of ${n}`}`;
  return `${more}, if its rate is what was measured`;
}

/** The candidate whose worst failure is the smallest. */
function nearestToGate(all: readonly Judged[]): string {
  const failures = all.map(({ candidate, gate }) => ({ candidate, worst: worstOf(gate) }));
  const { candidate, worst } = failures.reduce((least, one) => (excess(one.worst) < excess(least.worst) ? one : least));
  return ` The nearest, ${nameOf(candidate)}, fails ${worst.text}: ${gateNumbers(worst)}.`;
}

function worstOf(gate: readonly GateVerdict[]): GateVerdict {
  return gate.reduce((worst, one) => (excess(one) > excess(worst) ? one : worst));
}

function excess({ holds, compared, limit }: GateVerdict): number {
  return holds ? -1 : Math.abs(compared - limit);
}
