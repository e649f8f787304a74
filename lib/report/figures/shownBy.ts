// What a curve shows: one of the two numbers that a merge is chosen by, or one that is measured beside them.

import type { Quantity } from "../../select/types.js";
import type { Axis } from "../axes.js";
import type { ExperimentResults, Measured } from "../types.js";

/** Of a model's numbers, or what is measured beside them. */
export type CurveMetric = "score" | "asr" | "overRefusal" | Axis;

/** A number as its curve needs it, whichever it is. */
export interface Shown extends Pick<Axis, "id" | "label" | "higher"> {
  of(model: Measured): Quantity | undefined;
}

export function shownBy(
  {
    labels,
    validation: { better = "high" },
  }: Pick<ExperimentResults, "labels"> & { readonly validation: Pick<ExperimentResults["validation"], "better"> },
  metric: CurveMetric,
): Shown {
  if (typeof metric === "object") return metric;
  return {
    id: metric,
    label: metric === "overRefusal" ? "over-refusal" : labels[metric],
    higher: metric === "score" && better === "high",
    of: (model) => model[metric],
  };
}
