// An experiment from beginning to end: tune, evaluate, merge and evaluate each lambda, select, write, evaluate what was
// written, report. Every step is kept, so that a run that was killed goes on where it was.

import { dirname, join, resolve } from "node:path";
import { writeWhole } from "../files/writeWhole.js";
import { lockInside } from "../output/lockInside.js";
import { report } from "../report/report.js";
import type { ExperimentResults } from "../report/types.js";
import type { TunedModel } from "./candidates/merges.js";
import { check } from "./checks/check.js";
import type { Checked } from "./checks/checked.js";
import { betterOf, labelsOf } from "./results/labels.js";
import { markUnconfirmed } from "./results/markUnconfirmed.js";
import { resultsOf } from "./results/resultsOf.js";
import { resultsText } from "./results/resultsText.js";
import { writeCards } from "./results/writeCards.js";
import { readExperiment } from "./settings/load.js";
import type { Experiment, ExperimentSettings } from "./settings/schema.js";
import { Digests } from "./steps/digests.js";
import { Evaluations } from "./steps/evaluations.js";
import { linkChosen, shippedOf } from "./steps/linkChosen.js";
import { type EndedStep, Progress, type RunProgress } from "./steps/progress.js";
import type { RunParts } from "./steps/runParts.js";
import { checkServed, type ServedNames, writeServed } from "./steps/served.js";
import { Steps } from "./steps/steps.js";
import { tuneAdapters } from "./steps/tuneAdapters.js";

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as each step starts that is not done yet. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Called while a step goes on. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  /** Called when a step is done that was not done before. */
  readonly onStepEnd?: ((step: EndedStep) => void) | undefined;
  /** Called with what a person has to do, such as starting a server. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Instead of the experiment's own gate. */
  readonly gate?: string | undefined;
}

/**
 * Runs an experiment, or goes on with it: the same settings in the same folder do no step twice. `out` gets results.json,
 * costs.json, report.html, report.md and models/, the chosen merges with their cards; the link models/chosen leads to the one to ship.
 * @throws RetemperError with everything that is wrong before anything long starts; OUTPUT_EXISTS while another run is
 *   writing `out`; NETWORK for a server that does not have what is to be asked, with the command that starts it
 * @example
 * ```ts
 * import { type Experiment, run } from "retemper";
 *
 * const experiment: Experiment = {
 *   name: "Calls",
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   lambda: [0.2, 0.4],
 *   safety: { sets: ["safety:requests.jsonl"], judges: [{ keyword: ["I can't help with that"] }] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 *   limit: 16, // of each set: a first look, too small for bounds
 *   select: { rule: "constrained", margin: 0.2, by: "point" },
 * };
 * const gate = "score.point >= 90% * tuned";
 * const { selection, confirmation, outputs } = await run(experiment, "results", { gate });
 * console.log(selection.overall.candidate?.lambda, selection.overall.qualified); // 0.4 1
 * console.log(confirmation?.holds, outputs.map(({ path }) => path)); // true [ 'models/linear-0.4-seed-42' ]
 * ```
 */
export async function run(
  experiment: string | Experiment,
  out: string,
  options: RunOptions = {},
): Promise<ExperimentResults> {
  const { signal, gate } = options;
  signal?.throwIfAborted();
  const { settings, problems } = await readExperiment(experiment, { gate });
  const place = resolve(out);
  const given = tunedModels(settings);
  const checked = await check(settings, given, place, { signal, problems });
  try {
    const lock = await lockInside(place);
    try {
      const folder = typeof experiment === "string" ? dirname(resolve(experiment)) : undefined;
      return await runSteps(settings, given, checked, { out: place, folder }, options);
    } finally {
      lock.release();
    }
  } finally {
    await checked.close();
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
  { out, folder }: { readonly out: string; readonly folder: string | undefined },
  options: RunOptions,
): Promise<ExperimentResults> {
  const { signal, onStep } = options;
  await writeWhole(join(out, "experiment.json"), `${JSON.stringify(settings, null, 1)}\n`);
  const about = {
    name: settings.name,
    labels: labelsOf(settings, checked).validation,
    better: betterOf(checked.tasks.validation),
  };
  const progress = new Progress(out, about, options);
  const steps = new Steps(out, (step, done) => {
    if (done) return progress.ended(step);
    progress.begin(step, step);
    onStep?.(step);
  });
  try {
    const contents = new Digests(out, signal);
    const tuned = settings.tune ? await tuneAdapters(settings, steps, contents, progress, signal) : given;
    const digests = new Map<string, string>();
    const { aligned, unaligned } = settings;
    for (const model of [aligned, ...(unaligned === undefined ? [] : [unaligned]), ...tuned.map((one) => one.model)]) {
      digests.set(model, await contents.model(model));
    }
    const helpers = new Map<string, string>(); // models that judge and score
    for (const model of [...checked.judges.sources, ...(settings.bertScore ? [settings.bertScore.model] : [])]) {
      helpers.set(model, await contents.model(model));
    }
    const served = await serveIfWanted(settings, tuned, { steps, digests, contents, out }, options);
    const evaluations = new Evaluations({
      ...{ settings, checked, steps, judges: checked.judges, served, signal },
      digests: new Map([...digests, ...helpers]),
      onProgress: progress.evaluating,
    });
    const found = await resultsOf({
      settings,
      tuned,
      evaluations,
      steps,
      progress,
      out,
      folder,
      digests,
      contents,
      checked,
      signal,
    });
    await markUnconfirmed(out, found);
    const shipped = await linkChosen(out, shippedOf(found));
    const results = { ...found, ...(shipped && { shipped }) };
    await writeCards(out, results);
    await writeWhole(join(out, "results.json"), resultsText(results));
    await writeWhole(join(out, "costs.json"), `${JSON.stringify({ steps: steps.done }, null, 1)}\n`);
    await report(out);
    await progress.end("done");
    return results;
  } catch (error) {
    await progress.end("stopped", (error as Error).message);
    throw error;
  }
}

async function serveIfWanted(
  settings: ExperimentSettings,
  tuned: readonly TunedModel[],
  parts: Pick<RunParts, "steps" | "digests" | "contents" | "out">,
  { signal, onNote }: RunOptions,
): Promise<ServedNames | undefined> {
  const endpoint = settings.engine?.endpoint;
  if (!endpoint) return undefined;
  const apiKey = endpoint.apiKeyEnv === undefined ? undefined : process.env[endpoint.apiKeyEnv];
  const served = await writeServed(settings, endpoint, tuned, { ...parts, apiKey, signal });
  onNote?.(`the server is started so:\n${served.command}`);
  await checkServed(served, signal);
  return served;
}
