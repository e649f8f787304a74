// What lambda does: every merge that was measured on the data that choose.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote, percent } from "../numbers.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "../types.js";
import { modelColumns } from "./modelColumns.js";
import type { ReportTable } from "./reportTable.js";
import { straightNote } from "./straightNote.js";
import { notMeasured } from "./verdictTable.js";

/** While a run goes on, the tuned models may not be measured yet. */
export interface MeasuredSoFar extends Pick<ExperimentResults, "labels" | "parts" | "controls" | "confirmation"> {
  readonly validation: Pick<ExperimentResults["validation"], "unaligned" | "aligned" | "candidates"> & {
    readonly tuned?: Measured | undefined;
  };
}

export function curveTable(results: MeasuredSoFar): ReportTable {
  const { unaligned, aligned, tuned, candidates } = results.validation;
  const controls = results.controls?.curves ?? [];
  const all = [aligned, ...candidates, ...(tuned ? [tuned] : []), ...controls.flatMap(({ points }) => points)];
  const { head, of, note } = modelColumns(results.labels, all);
  const row = (name: string, lambda: string, model: Measured) => [
    name,
    lambda,
    ...of(model),
    model.straightShare === undefined ? "" : percent(model.straightShare),
  ];
  const candidate = (one: MeasuredCandidate, name: string) =>
    one.unfinished
      ? [name, lambdaOf(one), notMeasured(one), ...head.slice(1).map(() => ""), ""]
      : row(name, lambdaOf(one), one);
  return {
    id: "q3",
    caption: "What does lambda do?",
    data: dataOf(results, "validation"),
    head: ["method", "lambda", ...head, "straight lines"],
    rows: [
      ...(unaligned ? [row("unaligned", "", unaligned)] : []),
      row("aligned", "0", aligned),
      ...candidates.map((one) => candidate(one, nameOf({ ...one, lambda: undefined }))),
      ...(tuned ? [row("fine-tuned", "1", tuned)] : []),
      ...controls.flatMap(({ name, points }) =>
        points.map((one) => candidate(one, `control: ${nameOf({ method: name, parameters: one.parameters })}`)),
      ),
    ],
    note: `${intervalsNote(results.validation)}${note}${straightNote(candidates)}`,
  };
}

function lambdaOf({ lambda }: MeasuredCandidate): string {
  return lambda === undefined ? "none" : String(lambda);
}
