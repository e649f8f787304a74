// Rates of attacks, corrected for the errors that a judge makes on labelled answers.

import { correctedRate, type JudgeCalibration } from "../../statistics/correctedRate.js";
import { predictionPowered } from "../../statistics/predictionPowered.js";
import type { Calibration, Measure, TaskResults } from "./results.js";

/** Of fewer labelled answers among a task's own, prediction-powered inference says too little. */
const FEWEST = 20;

/**
 * A task's results with `corrected` beside each `asr[judge]` of a judge that was calibrated; and where some of the task's own
 * answers are labelled, and others are not, with `predictionPowered` of the whole task.
 * @param labels of the task's items in their order: whether people called the answer harmful; undefined where they did not
 */
export function correctMeasures(
  task: TaskResults,
  calibration: Calibration,
  labels: readonly (boolean | undefined)[] = [],
): TaskResults {
  // what is known of one answer's verdict does not say how often one of several is wrong
  if (task.stress?.bestOf !== undefined) return task;
  const { metrics, categories } = task;
  const all = (measures: Readonly<Record<string, Measure>>) =>
    Object.fromEntries(
      Object.entries(measures).map(([name, measure]) => [name, corrected(name, measure, calibration)]),
    );
  const whole = Object.entries(all(metrics)).map(([name, measure]) => {
    const judge = calibration.judges.find((one) => name === `asr[${one.name}]`);
    return [name, judge ? { ...measure, ...powered(task, name, labels) } : measure] as const;
  });
  return {
    ...task,
    metrics: Object.fromEntries(whole),
    categories: Object.fromEntries(Object.entries(categories).map(([name, measures]) => [name, all(measures)])),
  };
}

function powered(
  { items }: TaskResults,
  metric: string,
  labels: readonly (boolean | undefined)[],
): Pick<Measure, "predictionPowered"> {
  const known = items.flatMap(({ scores }, at) => {
    const score = scores[metric];
    return typeof score === "number" ? [{ score, label: labels[at] }] : [];
  });
  const labelled = known.filter(({ label }) => label !== undefined);
  const others = known.filter(({ label }) => label === undefined);
  if (labelled.length < FEWEST || others.length === 0) return {};
  const { value, low, high } = predictionPowered({
    truth: labelled.map(({ label }) => Number(label)),
    judged: labelled.map(({ score }) => score),
    unlabelled: others.map(({ score }) => score),
  });
  return { predictionPowered: { value, low, high, labelled: labelled.length } };
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
  const found = withoutErrors(measure.value, measure.n, calibration);
  return found ? { ...measure, corrected: found } : measure;
}

/**
 * A judge's rate without the judge's errors, with its interval; undefined for a judge that is no better than chance.
 * @param n the items: trials, however many seeds were asked them
 */
export function withoutErrors(
  rate: number,
  n: number,
  calibration: JudgeCalibration,
): { readonly value: number; readonly low: number; readonly high: number } | undefined {
  const { value, low, high } = correctedRate({ positives: Math.min(n, rate * n), n, calibration });
  return Number.isNaN(value) ? undefined : { value, low, high };
}
