// What the rule found out of every candidate.

import { candidateId, nameOf } from "../../select/names.js";
import type { Candidate, SafetyBound, Verdict } from "../../select/types.js";
import { dataOf } from "../dataNames.js";
import { percent, signed } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import { differenceText } from "./differenceText.js";
import type { ReportTable } from "./reportTable.js";

/** With the bound as if each were the only one, and the one that the rule goes by where that is another. */
export function verdictTable(results: ExperimentResults): ReportTable {
  const { selection, labels, validation } = results;
  const { verdicts = [], rule } = selection;
  const gated = verdicts.some(({ gate = [] }) => gate.length > 0);
  const claims = rule.rule === "constrained" && rule.by === "upper";
  const divided = verdicts.some(({ plain, adjusted }) => plain.level !== adjusted.level);
  const candidateOf = ({ candidate }: Verdict) =>
    validation.candidates.find((one) => candidateId(one) === candidateId(candidate)) ?? candidate;
  return {
    id: "verdicts",
    caption: "Which merges qualify?",
    data: dataOf(results, "validation"),
    head: [
      "merge",
      `${labels.asr}: merge - aligned`,
      divided ? "upper bound, plain" : "upper bound",
      ...(divided ? ["upper bound, adjusted"] : []),
      "gain kept",
      ...(gated ? ["gate"] : []),
      "verdict",
    ],
    rows: verdicts.map((one) => {
      const measured = candidateOf(one);
      if ("unfinished" in measured && measured.unfinished) {
        return [
          nameOf(one.candidate),
          "",
          "",
          ...(divided ? [""] : []),
          "",
          ...(gated ? [""] : []),
          notMeasured(measured),
        ];
      }
      const corrected = one.plain.corrected !== undefined;
      return [
        nameOf(one.candidate),
        corrected ? signed(one.plain.value) : differenceText(validation.aligned.asr, measured.asr),
        boundText(one.plain, one.seeds),
        ...(divided ? [boundText(one.adjusted)] : []),
        one.kept === undefined ? "" : percent(one.kept),
        ...(gated
          ? [(one.gate ?? []).map((part) => `${part.text}: ${part.holds ? "holds" : "fails"}`).join("; ")]
          : []),
        one.passes ? "qualifies" : (one.reason ?? "does not qualify"),
      ];
    }),
    note: `Bounds are one-sided, of the difference to the aligned model on the same items; ${divided ? `plain: at ${levelText(rule.level)}, as if the merge were the only candidate` : `at ${levelText(rule.level)}`}.${claims && divided ? " Adjusted: the level is divided between the series." : ""}${claims ? ` Within a series the merges are tried in their order until one fails; ${divided ? "the adjusted bound" : "the bound"} must be at most ${rule.margin}.` : ` The rule ${rule.rule}${rule.by === "point" && rule.rule === "constrained" ? " by points" : ""} does not go by them.`} In brackets of the difference: its 95 % interval of these tunings, over the items.`,
  };
}

/** Of a candidate that was not asked all items. */
export function notMeasured({ unfinished }: Pick<Candidate, "unfinished">): string {
  return unfinished === "screened" ? "screened out by proxies, not measured" : "not measured to the end";
}

export function boundText({ bound, level, basis }: SafetyBound, seeds?: Verdict["seeds"]): string {
  const each =
    seeds === undefined ? "" : `; ${seeds.map(({ seed, bound: own }) => `seed ${seed} ${signed(own)}`).join("; ")}`;
  if (basis === "values") return "no bound: values alone";
  return `${signed(bound)} (${levelText(level)}${basis === "paired" ? "" : `, from ${basis}`}${each})`;
}

export function levelText(level: number): string {
  return `${Number((100 * level).toFixed(2))} %`;
}
