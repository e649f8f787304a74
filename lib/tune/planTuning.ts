// What a tuning would do, and everything that is wrong with it, without training anything.

import { loadAddon } from "../addon/load.js";
import { obtain } from "../checkpoint/obtain.js";
import { stepsOfEpoch } from "./data/batches.js";
import { readTrainingRows } from "./data/trainingRows.js";
import { settingsOf } from "./settings.js";
import { openTunedModel } from "./tunedModel.js";
import type { TuneOptions, TuneRow } from "./types.js";

export interface TuningPlan {
  /** Rows that are learned. */
  readonly rows: number;
  /** Rows that the tuning itself holds out. */
  readonly heldOut: number;
  /** Rows of which nothing is learned, since no answer is left within the cutoff. */
  readonly dropped: number;
  readonly steps: number;
  /** Steps that the schedule spans. */
  readonly scheduled: number;
  /** Prompt and answer tokens of all steps, about. */
  readonly tokens: number;
}

/** @throws RetemperError as `tune` would before its first step */
export async function planTuning(
  model: string,
  data: string | readonly TuneRow[],
  options: TuneOptions,
): Promise<TuningPlan> {
  settingsOf(options); // what is wrong there is said even where the model is not there
  await obtain([{ path: model }], options);
  const opened = await openTunedModel(model, options, loadAddon());
  const { settings } = opened;
  const { train, validation, dropped } = await readTrainingRows(data, opened);
  const epoch = stepsOfEpoch(train.length, settings);
  const all = settings.maxSteps ?? settings.epochs * epoch;
  const steps = Math.min(all, settings.stopAfter ?? all);
  const ofEpoch = train.reduce((sum, { ids }) => sum + ids.length, 0);
  return {
    rows: train.length,
    heldOut: validation.length,
    dropped,
    steps,
    scheduled: all,
    tokens: Math.round((ofEpoch * steps) / epoch),
  };
}
