// How often a tuning keeps a checkpoint where early stopping is a control.

import type { TuningPlan } from "../../tune/planTuning.js";
import { wantedControls } from "./controlEntry.js";
import type { ExperimentSettings } from "./schema.js";

/** Points before the end. */
const POINTS = 4;

/** With early stopping among the controls, and without a word of it: after each fifth of the steps. */
export function withCheckpoints(
  settings: ExperimentSettings,
  tunings: ReadonlyMap<string, Pick<TuningPlan, "steps">>,
): ExperimentSettings {
  const { tune } = settings;
  const wanted = wantedControls(settings).some(({ kind }) => kind === "early_stopping");
  if (!tune || !wanted || tune.options?.saveSteps !== undefined || tunings.size === 0) return settings;
  const steps = Math.min(...[...tunings.values()].map((plan) => plan.steps));
  const saveSteps = Math.max(1, Math.ceil(steps / (POINTS + 1)));
  return { ...settings, tune: { ...tune, options: { ...tune.options, saveSteps } } };
}
