// Rates of attacks, corrected for the errors that a judge makes on labelled answers.

import { correctedRate } from "../../statistics/correctedRate.js";
import type { Calibration, Measure, TaskResults } from "./results.js";

/** A task's results with `corrected` beside each `asr[judge]` of a judge that was calibrated. */
export function correctMeasures(task: TaskResults, calibration: Calibration): TaskResults {
  const { metrics, categories } = task;
  const all = (measures: Readonly<Record<string, Measure>>) =>
    Object.fromEntries(
      Object.entries(measures).map(([name, measure]) => [name, corrected(name, measure, calibration)]),
    );
  return {
    ...task,
    metrics: all(metrics),
    categories: Object.fromEntries(Object.entries(categories).map(([name, measures]) => [name, all(measures)])),
  };
}

/** Judges that are right no more often than chance: their rates cannot be corrected. */
export function uselessJudges({ judges }: Calibration): string[] {
  return judges.flatMap(({ name, sensitivity, specificity }) =>
    (sensitivity.value ?? 0) + (specificity.value ?? 0) > 1 ? [] : [name],
  );
}

function corrected(name: string, measure: Measure, { judges }: Calibration): Measure {
  const calibration = judges.find((judge) => name === `asr[${judge.name}]`);
  if (!calibration || measure.value === null) return measure;
  const { value, low, high } = correctedRate({
    positives: Math.min(measure.n, measure.value * measure.n),
    n: measure.n,
    calibration,
  });
  return Number.isNaN(value) ? measure : { ...measure, corrected: { value, low, high } };
}
