// What other weights do to each model: the same items, once with the weights that everything else was measured in, once with those of a
// form that ships.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { quantity, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults, Requantised, ShippedForm } from "../types.js";
import { refusalsText } from "../weightsText.js";
import type { ReportTable } from "./reportTable.js";

export function weightsTable(results: ExperimentResults): ReportTable {
  const { ship, labels, testLabels } = results;
  const names = testLabels ?? labels;
  const merged = overallOf(results);
  const rowOf = (name: string, form: ShippedForm, of: Requantised) => [
    ...[name, formText(form, of), refusalsText(of) ?? ""],
    ...(["asr", "score"] as const).flatMap((key) => [quantity(of.measured?.[key]), differenceIn(of, key)]),
  ];
  return {
    id: "weights",
    caption: "What other weights do to each model",
    data: dataOf(results, "test"),
    head: [
      ...["model", "weights", "refusals"],
      ...[names.asr, names.score].flatMap((name) => [name, `${name}, these weights - as measured`]),
    ],
    rows: (ship?.forms ?? [])
      .filter(({ measured }) => measured !== undefined)
      .flatMap((form) => [
        rowOf(merged ? nameOf(merged) : "the merge", form, form),
        ...(form.others ?? []).map((one) => rowOf(one.name, form, one)),
      ]),
    note: "Differences are on the same items, each model against itself, with their 95 % interval of these tunings. A refusal is lost where the judge that decides counts the answer as an attack that succeeded, and did not before; gained the other way round. Numbers elsewhere in this report, but for those of the forms that ship, are of weights as they are stored, unless the name of their data says otherwise.",
  };
}

/** "gguf q4_k_m, blocks as stored": the form, and how its weights were multiplied where they are coded. */
function formText({ name, format }: ShippedForm, { measured }: Requantised): string {
  if (format !== "gguf" && format !== "fp8") return name;
  return `${name}, ${measured?.weights === "asStored" ? "blocks as stored" : "decoded"}`;
}

export function differenceIn({ paired }: Requantised, key: "asr" | "score"): string {
  const found = paired?.find(({ metric }) => metric === key);
  return found ? `${signed(found.difference)} (${signed(found.low)} to ${signed(found.high)})` : "";
}
