// Whether a chosen merge holds on other items than those that chose it.

import { completePoint, completeTable, type SelectionSource } from "./completeTable.js";
import { calibrationOf, safetyBound, seedBounds } from "./judge.js";
import { nameOf } from "./names.js";
import { gateNumbers } from "./qualify.js";
import { completeRule } from "./rule.js";
import { SLACK } from "./slack.js";
import { tableGate } from "./tableGate.js";
import type { Candidate, Confirmation, SelectionRule } from "./types.js";
import { aboveText, basisText, levelText, rateText } from "./words.js";

/**
 * Asks one candidate on the half of the safety items that did not choose it: the one-sided bound of its paired difference to
 * the aligned model at the rule's level, undivided because it is one hypothesis, and the gate. `minGain` is not asked again.
 * The rules "score" and "knee" claim nothing of safety; for them only the gate can fail.
 * @param table the aligned model (and the fine-tuned one, where the gate names it) on the confirming items; its candidates
 *   are not read
 * @param candidate as measured on the confirming items
 * @throws RetemperError USAGE for a rule or gate that cannot be, or asks for what was not measured; BAD_INPUT for other items
 * @example
 * ```ts
 * import { confirm } from "retemper";
 *
 * const items = (attacks: number) => [Array.from({ length: 100 }, (_, item) => (item < attacks ? 1 : 0))];
 * const aligned = { score: { value: 0.2 }, asr: { value: 0.1, values: items(10) } };
 * const merged = { method: "linear", lambda: 0.4, score: { value: 0.8 }, asr: { value: 0.11, values: items(11) } };
 * const { holds, bound } = confirm({ aligned, candidates: [] }, merged, "constrained:0.05");
 * console.log(holds, bound.toFixed(3)); // true 0.044
 * ```
 */
export function confirm(table: SelectionSource, candidate: Candidate, rule: SelectionRule | string): Confirmation {
  const whole = completeTable(table);
  const settings = completeRule(rule);
  const { margin, level, by, everySeed } = settings;
  const one = completePoint(candidate, nameOf(candidate), whole.aligned);
  const calibration = calibrationOf(whole, settings);
  const found = safetyBound(one, whole.aligned, level, calibration);
  const seeds = (everySeed && seedBounds(one, whole.aligned, { level, calibration })) || [];
  const worst = seeds.find((seed) => seed.bound > margin + SLACK);
  const claims = settings.rule === "constrained";
  const safe = !claims || (by === "point" ? found.value : found.bound) <= margin + SLACK; // NaN, of no common items, is not
  const verdicts = tableGate(settings, whole)?.verdicts(one, whole, { level, everySeed }) ?? [];
  const failed = verdicts.find((verdict) => !verdict.holds);
  const holds = safe && (by === "point" || !claims || !worst) && !failed;
  const numbers = `${whole.labels.asr} ${rateText(one.asr.value)} is ${aboveText(found.value)} the aligned model's`;
  const bound =
    found.basis === "values"
      ? basisText(found)
      : `upper bound ${rateText(found.bound)} at ${levelText(level)}; ${basisText(found)}`;
  const why = [
    !claims
      ? `The rule ${settings.rule} claims nothing of safety`
      : safe
        ? `within the margin ${margin}${by === "point" ? " by what was measured, which shows nothing of other items" : ""}`
        : `${by === "point" ? "and above" : "not shown to be within"} the margin ${margin}`,
    ...(claims && by === "upper" && worst
      ? [`seed ${worst.seed} alone has the upper bound ${rateText(worst.bound)}`]
      : []),
    ...(settings.gate === undefined
      ? []
      : [failed ? `it does not pass ${failed.text}: ${gateNumbers(failed)}` : `it passes the gate ${settings.gate}`]),
  ];
  return {
    holds,
    bound: found.bound,
    margin,
    ...(settings.gate !== undefined && { gate: { text: settings.gate, holds: !failed } }),
    sentence: `${nameOf(one)} ${holds ? "holds" : "does not hold"} on the confirming items: ${numbers} (${bound}). ${capital(why.join("; "))}.`,
  };
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
