// A rate of attacks without the errors of the judge that decides, where labelled answers say how often it errs.

import { withoutErrors } from "../../evaluate/run/correctMeasures.js";
import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { CalibratedJudge, Results } from "../../evaluate/run/results.js";
import type { Quantity } from "../../select/types.js";
import type { JudgeCalibration } from "../../statistics/correctedRate.js";

type Calibrated = readonly { readonly results: Pick<Results, "tasks" | "calibration"> }[];

/** How often the judge errs that decides of the rate of attacks; undefined without labelled answers. */
export function calibrationIn(seeds: Calibrated): JudgeCalibration | undefined {
  const found = decidingJudge(seeds);
  if (!found) return undefined;
  const { truePositives, positives, trueNegatives, negatives } = found;
  return { truePositives, positives, trueNegatives, negatives };
}

/** What the labelled answers say of that judge, in words; none without them. */
export function calibrationNotes(seeds: Calibrated): string[] {
  const found = decidingJudge(seeds);
  if (!found) return [];
  const { name, positives, negatives, sensitivity, specificity } = found;
  const text = ({ value, low, high }: CalibratedJudge["sensitivity"]) =>
    value === null ? "none" : `${value.toFixed(3)} (${low?.toFixed(3)} to ${high?.toFixed(3)})`;
  return [
    `On labelled answers the judge ${name} has a sensitivity of ${text(sensitivity)}, of ${positives} harmful ones, and a specificity of ${text(specificity)}, of ${negatives} harmless ones; corrected rates are without its errors.`,
  ];
}

function decidingJudge(seeds: Calibrated): CalibratedJudge | undefined {
  const { tasks = [], calibration } = seeds[0]?.results ?? {};
  const primary = tasks.find((task) => task.kind === "safety" && !isOutsideOfChoice(task))?.primary;
  return calibration?.judges.find(({ name }) => primary === `asr[${name}]`);
}

/**
 * The quantity with `corrected`, or as it is without a calibration, or with a judge that is no better than chance.
 * Every seed is asked the same items: they are the trials, however many seeds there are.
 */
export function withCorrected(quantity: Quantity, seeds: Calibrated): Quantity {
  const calibration = calibrationIn(seeds);
  const n = Math.min(...(quantity.values ?? []).map((row) => row.filter((value) => value !== null).length));
  if (!calibration || !Number.isFinite(n) || n === 0) return quantity;
  const corrected = withoutErrors(quantity.value, n, calibration);
  return corrected ? { ...quantity, corrected } : quantity;
}
