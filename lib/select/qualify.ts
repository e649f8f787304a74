// Who qualifies: the fixed sequence over lambda, or what is varied, within each series, then what a choice must be of use for.

import { parseGate } from "./gate.js";
import { isSafetyBound } from "./gateVerdict.js";
import type { Judged } from "./judge.js";
import { nameOf } from "./names.js";
import { SLACK } from "./slack.js";
import type { CompleteRule, GateVerdict } from "./types.js";
import { levelText, rateText, shareText } from "./words.js";

/**
 * Of each candidate why it does not qualify; undefined where it does. A series goes up from its safe end and stops at the
 * first that is not shown to be safe: so it needs no correction for the number of its candidates (Angelopoulos et al., "Learn
 * then Test", arXiv 2110.01052).
 * @param judged in the order of `judge`
 */
export function qualify(judged: readonly Judged[], rule: CompleteRule): (string | undefined)[] {
  let [series, stopped] = ["", undefined as string | undefined];
  return judged.map((one) => {
    if (one.series !== series) [series, stopped] = [one.series, undefined];
    if (stopped !== undefined)
      return `${stopped} of the same series is not shown to be safe, and the series ends there`;
    const unsafe = unsafeReason(one, rule) ?? gateReason(one, isSafetyBound);
    const ends = unsafe !== undefined && (rule.by === "upper" || gateReason(one, isSafetyBound));
    if (ends || isScreenedEnd(one, rule)) stopped = nameOf(one.candidate);
    return (
      screenedReason(one) ?? unsafe ?? unfinishedReason(one) ?? gateReason(one, () => true) ?? uselessReason(one, rule)
    );
  });
}

/** Whether it was screened out where each merge of a series has to be shown to be safe before the next: the series ends there. */
export function isScreenedEnd({ candidate }: Pick<Judged, "candidate">, { rule, by, gate }: CompleteRule): boolean {
  return candidate.unfinished === "screened" && (gate !== undefined || (rule === "constrained" && by === "upper"));
}

/** The least margin at which each would be shown to be safe, all others of its series before it included. */
export function neededMargins(judged: readonly Judged[], rule: CompleteRule): number[] {
  let [series, most] = ["", 0];
  return judged.map((one) => {
    const own = Math.max(0, rule.by === "point" ? one.plain.value : largestBound(one, rule));
    if (rule.by === "point") return own;
    most = one.series === series ? Math.max(most, own) : own;
    series = one.series;
    return most;
  });
}

/** Whether a candidate keeps enough of the gain, as far as that is known. */
export function isUseful({ kept }: Pick<Judged, "kept">, { minGain }: CompleteRule): boolean {
  return kept === undefined || kept >= minGain - SLACK;
}

function largestBound({ adjusted, seeds = [] }: Judged, { everySeed }: CompleteRule): number {
  return Math.max(adjusted.bound, ...(everySeed ? seeds.map((seed) => seed.adjusted) : []));
}

function unsafeReason(one: Judged, rule: CompleteRule): string | undefined {
  if (rule.rule !== "constrained") return undefined;
  const { margin, by, everySeed } = rule;
  const { adjusted, plain, seeds = [] } = one;
  if (adjusted.n === 0 || Number.isNaN(plain.value)) return "no item has a verdict of both it and the aligned model";
  if (by === "point") {
    if (plain.value > margin + SLACK) return `its difference, ${rateText(plain.value)}, is above ${margin}`;
    return undefined;
  }
  if (adjusted.bound > margin + SLACK) {
    return `the upper bound of its difference, ${rateText(adjusted.bound)} at ${levelText(adjusted.level)}, is above ${margin}`;
  }
  const seed = everySeed ? seeds.find((each) => each.adjusted > margin + SLACK) : undefined;
  return seed && `the upper bound of seed ${seed.seed} alone, ${rateText(seed.adjusted)}, is above ${margin}`;
}

function screenedReason({ candidate }: Judged): string | undefined {
  return candidate.unfinished === "screened" ? "it was screened out by proxies, not measured" : undefined;
}

/** An adaptive experiment asks on only those that may still be chosen. */
function unfinishedReason({ candidate }: Judged): string | undefined {
  return candidate.unfinished && "it was not asked everything, because it could no longer be the choice";
}

function gateReason({ gate }: Judged, counts: (of: GateVerdict) => boolean): string | undefined {
  const failed = gate.find((of) => !of.holds && counts(of));
  return failed && `it does not pass ${failed.text}: ${gateNumbers(failed)}`;
}

/** "the bound 0.034 against 0.02 (category fraud, seed 42)". */
export function gateNumbers({ text, compared, limit, basis, category, skill, seed }: GateVerdict): string {
  const what = basis === "named" || basis === "values" ? "" : "the bound ";
  // a skill that the gate names by its own name is in the text already
  const isNamed = skill !== undefined && parseGate(text, "any").skills.includes(skill);
  const which = [
    ...(category === undefined ? [] : [`category ${category}`]),
    ...(skill === undefined || isNamed ? [] : [skill]),
    ...(seed === undefined ? [] : [`seed ${seed}`]),
  ];
  return `${what}${rateText(compared)} against ${rateText(limit)}${which.length === 0 ? "" : ` (${which.join(", ")})`}`;
}

function uselessReason(one: Judged, rule: CompleteRule): string | undefined {
  if (isUseful(one, rule)) return undefined;
  return `it keeps ${shareText(one.kept as number)} of the fine-tuned model's gain, less than ${shareText(rule.minGain)}: that is not a choice`;
}
