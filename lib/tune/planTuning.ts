// What a tuning would do, and everything that is wrong with it, without training anything.

import { loadAddon } from "../addon/load.js";
import { locate } from "../checkpoint/locate.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { RetemperError } from "../errors.js";
import { decoderSpec } from "../nn/families/decoderSpec.js";
import { stopTokensOf } from "../nn/families/stopTokens.js";
import { linearModules, selectModules } from "./adapter/modules.js";
import { holdOut, stepsOfEpoch } from "./data/batches.js";
import { encodeRows } from "./data/encodeRows.js";
import { SETTING_NAMES, settingsOf } from "./settings.js";
import type { TuneOptions, TuneRow } from "./types.js";

export interface TuningPlan {
  /** Rows that are learned. */
  readonly rows: number;
  readonly steps: number;
  /** Prompt and answer tokens of all steps, about. */
  readonly tokens: number;
}

/** Beside the settings: what options of a file may say. */
const OTHER_OPTIONS = ["initFrom", "preset", "task", "keepActivations"];

/** @throws RetemperError as `tune` would before its first step; USAGE for an option that there is not */
export async function planTuning(
  model: string,
  data: string | readonly TuneRow[],
  options: TuneOptions,
): Promise<TuningPlan> {
  const known = [...SETTING_NAMES, ...OTHER_OPTIONS];
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new RetemperError("USAGE", `tuning has no option ${unknown.join(", ")}`, {
      hint: `there are ${known.join(", ")}`,
    });
  }
  settingsOf(options); // what is wrong there is said even where the model is not there
  const checkpoint = await openCheckpoint(model, { addon: loadAddon() });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const settings = settingsOf(options, spec.family);
  selectModules(linearModules(spec), settings.targetModules);
  const { examples } = await encodeRows(data, await locate({ path: model }), spec, settings);
  const { train } = holdOut(examples, settings.validation, settings.seed);
  if (train.length === 0) throw new RetemperError("USAGE", "validation leaves no row to learn");
  const epoch = stepsOfEpoch(train.length, settings);
  const all = settings.maxSteps ?? settings.epochs * epoch;
  const steps = Math.min(all, settings.stopAfter ?? all);
  const ofEpoch = train.reduce((sum, { ids }) => sum + ids.length, 0);
  return { rows: train.length, steps, tokens: Math.round((ofEpoch * steps) / epoch) };
}
