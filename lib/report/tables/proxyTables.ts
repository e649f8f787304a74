// Cheap signals of each merge, and how far they rank merges as their answers do.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { fixed } from "../numbers.js";
import type { ExperimentResults, Measured, ProxyAgreement, ProxyName, ProxyQuantity } from "../types.js";
import type { ReportTable } from "./reportTable.js";
import { notMeasured } from "./verdictTable.js";

const NAMES: Record<ProxyName, string> = {
  refusal: "log-odds of refusals",
  taskLoss: "loss of the task's answers",
  benignDivergence: "divergence on harmless prompts",
};

export function agreementTable(results: ExperimentResults): ReportTable {
  const { proxies, labels } = results;
  return {
    id: "proxy-agreement",
    caption: "Do cheap signals rank merges as their answers do?",
    data: dataOf(results, "validation"),
    head: ["signal", "number", "merges", "rank correlation", "of each tuning", "lambda alone"],
    rows: (proxies?.agreement ?? []).map((one) => [
      NAMES[one.proxy],
      one.metric === "overRefusal" ? "over-refusal" : labels[one.metric],
      `${one.candidates}${one.series === undefined ? "" : ` of ${one.series}`}`,
      correlation(one),
      (one.seeds ?? []).map(({ seed, value }) => `${seed}: ${value.toFixed(2)}`).join(", "),
      one.lambdaAlone === undefined ? "" : one.lambdaAlone.toFixed(2),
    ]),
    note: "Spearman's, with the 95 % interval of these merges on other items; 1: the same order (of over-refusal, whose direction is not known before, the order of its size). It says nothing of merges that are not among them: along one line, whatever rises with lambda ranks alike, as lambda alone does.",
  };
}

export function proxyTable(results: ExperimentResults): ReportTable {
  const { proxies, labels, validation } = results;
  const { candidates = [], items } = proxies ?? {};
  const measured = new Map(validation.candidates.map((one) => [nameOf(one), one]));
  const rate = (of: Measured | undefined, number: "asr" | "score") => (of ? fixed(of[number].value) : "");
  return {
    id: "proxies",
    caption: "Cheap signals, read before the merges were generated with",
    data: dataOf(results, "validation"),
    head: ["merge", NAMES.refusal, labels.asr, NAMES.taskLoss, labels.score, NAMES.benignDivergence],
    rows: candidates.map((one) => {
      const found = measured.get(nameOf(one));
      const numbers = found?.unfinished
        ? [notMeasured(found), notMeasured(found)]
        : [rate(found, "asr"), rate(found, "score")];
      return [
        nameOf(one),
        ...[proxy(one.refusal), numbers[0] ?? "", proxy(one.taskLoss), numbers[1] ?? "", proxy(one.benignDivergence)],
      ];
    }),
    note: items
      ? `Means over tunings; behind them each tuning's. Log-odds: by how much (natural logarithm) the aligned model's own answers to ${items.refusal} unsafe requests are likelier than the fine-tuned model's. Loss: nats a token, ${items.taskLoss} rows. Divergence: of the first token from the aligned model, nats, ${items.benignDivergence} prompts. Proxies are no results.`
      : undefined,
  };
}

function correlation({ value, low, high }: ProxyAgreement): string {
  if (value === undefined || low === undefined || high === undefined) return "cannot be told";
  return `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function proxy(of: ProxyQuantity | undefined): string {
  if (!of) return "";
  const { value, seeds, missing } = of;
  const each = seeds.length < 2 ? "" : ` (${seeds.map((one) => one.value.toFixed(2)).join(", ")})`;
  const left = missing === undefined ? "" : `${missing} not finite`;
  return value === undefined ? left : [`${fixed(value)}${each}`, left].filter(Boolean).join("; ");
}
