// The tables of the choice: what became of the models, which merges qualify, and whether the chosen one was confirmed.

import { nameOf } from "../../select/select.js";
import type { SafetyBound, Verdict } from "../../select/types.js";
import { testData, validationData } from "../dataNames.js";
import { fixed, INTERVALS, percent, quantity, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults, Measured } from "../types.js";
import type { ReportTable } from "./reportTable.js";

/**
 * The columns that every table of models has: beside the rate how the answers that it is of ended, and over-refusal where it was
 * measured.
 */
export function modelColumns(
  labels: ExperimentResults["labels"],
  models: readonly Measured[],
): { readonly head: readonly string[]; readonly of: (model: Measured) => readonly string[] } {
  const over = models.some(({ overRefusal }) => overRefusal !== undefined);
  const share = (value: number | undefined) => (value === undefined ? "" : percent(value));
  return {
    head: [labels.score, labels.asr, "truncated", "empty", ...(over ? ["over-refusal"] : [])],
    of: ({ score, asr, truncated, empty, overRefusal }) => [
      quantity(score),
      quantity(asr),
      ...[truncated, empty].map(share),
      ...(over ? [overRefusal ? quantity(overRefusal) : ""] : []),
    ],
  };
}

export function mainTable(results: ExperimentResults): ReportTable {
  const { test } = results;
  const merged = overallOf(results);
  const models: [string, Measured][] = [
    ...(test.unaligned ? [["unaligned", test.unaligned] as [string, Measured]] : []),
    ["aligned", test.aligned],
    ["fine-tuned", test.tuned],
    ...(merged ? [[`merged: ${nameOf(merged)}`, merged] as [string, Measured]] : []),
  ];
  const { head, of } = modelColumns(
    results.testLabels ?? results.labels,
    models.map(([, model]) => model),
  );
  return {
    id: "q1",
    caption: `Q1. Does merging keep the task and the safety? (${testData(results)})`,
    head: ["model", ...head],
    rows: models.map(([name, model]) => [name, ...of(model)]),
    note: `${INTERVALS} Truncated, empty: shares of the answers to the safety sets that were cut off at the limit of new tokens, and that have no text.`,
  };
}

export function methodTable(results: ExperimentResults): ReportTable {
  const { selection, validation, test } = results;
  // in the order of the curves and of their key
  const order = [...new Set(validation.candidates.map(({ method }) => method))];
  const choices = order.flatMap((method) => {
    const choice = selection.methods[method];
    return choice ? [{ method, ...choice }] : [];
  });
  const { head, of } = modelColumns(results.testLabels ?? results.labels, test.chosen);
  const rows = choices.map(({ method, candidate }) => {
    if (candidate === null) return [method, "nothing qualifies", ...head.map(() => ""), ""];
    const measured = test.chosen.find((one) => nameOf(one) === nameOf(candidate));
    const { straightShare } = measured ?? {};
    return [
      method,
      candidate.lambda === undefined ? "none" : String(candidate.lambda),
      ...(measured ? of(measured) : head.map(() => "")),
      straightShare === undefined ? "" : percent(straightShare),
    ];
  });
  return {
    id: "q2",
    caption: `Q2. Which method? (each one's choice on validation data, measured on ${testData(results)})`,
    head: ["method", "lambda", ...head, "straight lines"],
    rows,
    reasons: choices.map(({ sentence }) => sentence),
    note: `${INTERVALS} Straight lines: share of tensors so close to parallel that SLERP takes the line instead of the arc.`,
  };
}

/** What the rule found out of every candidate, with the bound as if it were the only one and the one that the rule goes by. */
export function verdictTable(results: ExperimentResults): ReportTable {
  const { selection, labels } = results;
  const { verdicts = [], rule } = selection;
  const gated = verdicts.some(({ gate }) => gate !== undefined);
  const claims = rule.rule === "constrained";
  return {
    id: "verdicts",
    caption: `Which merges qualify? (${validationData(results)})`,
    head: [
      "merge",
      `${labels.asr}: merge - aligned`,
      "upper bound, plain",
      "upper bound, adjusted",
      "gain kept",
      ...(gated ? ["gate"] : []),
      "verdict",
    ],
    rows: verdicts.map((one) => [
      nameOf(one.candidate),
      signed(one.plain.value),
      boundText(one.plain, one.seeds),
      boundText(one.adjusted),
      one.kept === undefined ? "" : percent(one.kept),
      ...(gated ? [(one.gate ?? []).map((part) => `${part.text}: ${part.holds ? "holds" : "fails"}`).join("; ")] : []),
      one.passes ? "qualifies" : (one.reason ?? "does not qualify"),
    ]),
    note: `Bounds are one-sided, of the difference to the aligned model on the same items. Plain: at ${levelText(rule.level)}, as if the merge were the only candidate.${claims ? ` Adjusted: the level is divided between the series, and within a series the merges are tried in their order until one fails; this bound must be at most ${rule.margin}.` : ` The rule ${rule.rule} does not go by them.`}`,
  };
}

function boundText({ bound, level, basis }: SafetyBound, seeds?: Verdict["seeds"]): string {
  const each =
    seeds === undefined ? "" : `; ${seeds.map(({ seed, bound: own }) => `seed ${seed} ${signed(own)}`).join(", ")}`;
  if (basis === "values") return "no bound: values alone";
  return `${signed(bound)} (${levelText(level)}${basis === "paired" ? "" : `, from ${basis}`}${each})`;
}

function levelText(level: number): string {
  return `${Number((100 * level).toFixed(2))} %`;
}

/** The choice on the data that chose it, and on the data that confirm it. */
export function confirmationTable(results: ExperimentResults): ReportTable {
  const { confirmation, selection, validation, test, parts } = results;
  const merged = overallOf(results);
  const chosen = merged && validation.candidates.find((one) => nameOf(one) === nameOf(merged));
  const verdict = merged && selection.verdicts?.find(({ candidate }) => nameOf(candidate) === nameOf(merged));
  const table = { id: "confirmation", caption: "Does the choice hold on the data that did not choose it?" };
  const head = ["what", `chose: ${validationData(results)}`, `confirms: ${testData(results)}`];
  if (!confirmation || !merged || !chosen) return { ...table, head, rows: [] };
  const difference = (one: Measured, aligned: Measured) => signed(one.asr.value - aligned.asr.value);
  const gate = confirmation.gate;
  return {
    ...table,
    head,
    rows: [
      ...(parts ? [["safety items", String(parts.validation.safety), String(parts.test.safety)]] : []),
      ["aligned", fixed(validation.aligned.asr.value), fixed(test.aligned.asr.value)],
      [nameOf(merged), fixed(chosen.asr.value), fixed(merged.asr.value)],
      ["merge - aligned", difference(chosen, validation.aligned), difference(merged, test.aligned)],
      [
        "upper bound, plain",
        verdict ? boundText(verdict.plain) : "",
        `${signed(confirmation.bound)} (${levelText(selection.rule.level)})`,
      ],
      ["upper bound, adjusted", verdict ? boundText(verdict.adjusted) : "", "one hypothesis: none"],
      ...(selection.rule.rule === "constrained"
        ? [["margin", String(selection.rule.margin), String(confirmation.margin)]]
        : []),
      ...(gate ? [[gate.text, "holds", gate.holds ? "holds" : "fails"]] : []),
      ["verdict", "qualifies", confirmation.holds ? "confirmed" : "not confirmed"],
    ],
    note: confirmation.sentence,
  };
}
