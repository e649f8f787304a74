// An experiment from beginning to end: tune, evaluate, merge and evaluate each lambda, select, write, evaluate what was
// written, report. Every step is kept, so that a run that was killed goes on where it was.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadAddon } from "../addon/load.js";
import { RetemperError } from "../errors.js";
import { report, writeWhole } from "../report/report.js";
import type { ExperimentResults } from "../report/types.js";
import { type Checked, check } from "./check.js";
import { Evaluations } from "./evaluations.js";
import { loadExperiment } from "./load.js";
import { mergePoints, type TunedModel } from "./merges.js";
import { resultsOf } from "./resultsOf.js";
import type { Experiment, ExperimentSettings } from "./schema.js";
import { modelDigest, Steps } from "./steps.js";
import { tuneAdapters } from "./tuneAdapters.js";

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as each step starts that is not done yet. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/**
 * Runs an experiment, or goes on with it: the same settings in the same folder do no step twice. `out` gets results.json,
 * costs.json, report.html, report.md and models/, the chosen merges with their cards.
 * @throws RetemperError with everything that is wrong before anything long starts; OUTPUT_EXISTS while another run is
 *   writing `out`
 */
export async function run(
  experiment: string | Experiment,
  out: string,
  options: RunOptions = {},
): Promise<ExperimentResults> {
  const { signal } = options;
  signal?.throwIfAborted();
  const settings = await loadExperiment(experiment);
  const place = resolve(out);
  const given = tunedModels(settings);
  const checked = await check(
    settings,
    mergePoints(settings, given),
    given.map(({ model }) => model),
    place,
    signal,
  );
  await mkdir(place, { recursive: true });
  const lock = loadAddon().lockFile(join(place, ".lock"));
  if (!lock) throw new RetemperError("OUTPUT_EXISTS", `another run is writing ${place}`, { file: place });
  try {
    return await runSteps(settings, given, checked, place, options);
  } finally {
    lock.release();
  }
}

/** The models that are there before the run. */
export function tunedModels({ aligned, tuned = [] }: ExperimentSettings): TunedModel[] {
  return tuned.map(({ seed, model, adapter }) => ({ seed: String(seed), model: model ?? `${aligned}+${adapter}` }));
}

async function runSteps(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  out: string,
  { signal, onStep }: RunOptions,
): Promise<ExperimentResults> {
  const steps = new Steps(out, (step) => onStep?.(step));
  const tuned = settings.tune ? await tuneAdapters(settings, steps, signal) : given;
  const digests = new Map<string, string>();
  for (const model of [settings.aligned, ...tuned.map((one) => one.model)])
    digests.set(model, await modelDigest(model));
  const evaluations = await Evaluations.open(settings, checked, steps, digests, signal);
  try {
    const results = await resultsOf({ settings, tuned, evaluations, steps, out, digests, checked, signal });
    const text = `${JSON.stringify(results, null, 1)}\n`;
    await writeWhole(join(out, "results.json"), text);
    await writeWhole(join(out, "costs.json"), `${JSON.stringify({ steps: steps.done }, null, 1)}\n`);
    await report(out);
    return results;
  } finally {
    await evaluations.close();
  }
}
