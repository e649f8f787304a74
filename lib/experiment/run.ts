// An experiment from beginning to end: tune, measure every model and merge, choose, write what is chosen, test what was written,
// report. What is there already is not done again, however the run before it ended.

import { dirname, join, resolve } from "node:path";
import type { DownloadOptions } from "../checkpoint/obtain.js";
import { clearShared } from "../files/writeShared.js";
import { writeWhole } from "../files/writeWhole.js";
import type { TextGenerator } from "../generate/types.js";
import { keepingMade } from "../merge/prepared/madeOnce.js";
import { checkPartition, type Partition } from "../output/partition.js";
import { STATUS_FILE } from "../report/status.js";
import type { ExperimentResults } from "../report/types.js";
import type { TunedModel } from "./candidates/merges.js";
import { tunedModels } from "./candidates/tunedModels.js";
import { check } from "./checks/check.js";
import type { Checked } from "./checks/checked.js";
import { betterOf, labelsOf } from "./checks/labels.js";
import { skillFacts } from "./checks/skillFacts.js";
import { DIGESTS_FILE, Digests } from "./digests/contents.js";
import type { ModelDigests } from "./digests/modelDigests.js";
import { publishInTurn } from "./results/publishInTurn.js";
import { readExperiment } from "./settings/load.js";
import type { Experiment, ExperimentSettings } from "./settings/schema.js";
import { enterFolder } from "./sharing/enterFolder.js";
import { inTurn } from "./sharing/inTurn.js";
import type { Workers } from "./sharing/workers.js";
import { type Graph, stages } from "./stages.js";
import { type EndedStep, Progress, type RunProgress } from "./steps/progress.js";
import { refuseOld } from "./steps/refuseOld.js";
import { runGraph } from "./steps/runGraph.js";
import { checkServed, type ServedNames, servedStage } from "./steps/served.js";
import { StepRecords } from "./steps/stepRecords.js";
import { Store } from "./store/store.js";

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as each step starts that is not done yet. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Called while a step goes on. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  /** Called when a step is done that was not done before. */
  readonly onStepEnd?: ((step: EndedStep) => void) | undefined;
  /** Called with the aligned model while the checks have it open: its facts say how the models run here. */
  readonly onModel?: ((model: TextGenerator) => void) | undefined;
  /** Called with what a person has to do, such as starting a server. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** How models are downloaded that are not on this machine; by default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
  /** Instead of the experiment's own gate. */
  readonly gate?: string | undefined;
  /** A folder that keeps answers and verdicts, by which several experiments ask a model the same once; `out` by default. */
  readonly store?: string | undefined;
  /** From which paths are told in results and reports, where the experiment is no file; its file's folder by default. */
  readonly folder?: string | undefined;
  /** Removes the models in `out` that an earlier choice wrote; by default they are marked as obsolete. */
  readonly prune?: boolean | undefined;
  /**
   * Shares `out` with other runs of the same experiment that are given one too, and begins with this share of the steps: index of
   * count, from 0. Each then does what the others leave, and all end with the same results. Without it the run has `out` to itself.
   */
  readonly partition?: Partition | undefined;
}

/**
 * Runs an experiment, or goes on with it: the same settings in the same folder do no step twice. `out` gets results.json,
 * costs.json, report.html, report.md and models/, the chosen merges with their cards; the link models/chosen leads to the one to ship.
 * @throws RetemperError with everything that is wrong before anything long starts; OUTPUT_EXISTS while another run is
 *   writing `out` and they do not share it; NETWORK for a server that does not have what is to be asked, with the command that starts it
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
  const { signal, gate, partition, hub, onModel } = options;
  signal?.throwIfAborted();
  if (partition) checkPartition(partition);
  const { settings, problems } = await readExperiment(experiment, { gate });
  const place = resolve(out);
  const given = tunedModels(settings);
  const checked = await check(settings, given, place, {
    ...{ signal, problems, hub },
    measure: async (model) => onModel?.(model),
  });
  try {
    const { workers, leave } = await enterFolder(place, settings, options);
    try {
      const folder = typeof experiment === "string" ? dirname(resolve(experiment)) : options.folder;
      return await keepingMade(() => runSteps(settings, given, checked, { out: place, folder, workers }, options));
    } finally {
      await leave();
    }
  } finally {
    await checked.close();
  }
}

async function runSteps(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  { out, folder, workers }: { readonly out: string; readonly folder: string | undefined; readonly workers: Workers },
  options: RunOptions,
): Promise<ExperimentResults> {
  const { signal, onStep } = options;
  await refuseOld(out);
  // what is another's may be in use
  if (!options.partition) for (const name of [STATUS_FILE, DIGESTS_FILE]) await clearShared(join(out, name));
  const text = `${JSON.stringify(settings, null, 1)}\n`;
  await inTurn(workers, "settings", () => writeWhole(join(out, "experiment.json"), text), signal);
  const about = {
    name: settings.name,
    labels: labelsOf(settings, checked).validation,
    better: betterOf(checked.tasks.validation),
    skills: skillFacts(checked, "validation"),
  };
  const progress = new Progress(out, about, options);
  const shared = options.partition !== undefined;
  const records = new StepRecords(out, shared);
  const graph: Graph = (batches, milestones) =>
    runGraph(batches, { records, workers, progress, signal, onStep, milestones });
  try {
    const { found, ship } = await stages(settings, given, checked, {
      ...{ out, folder, graph, progress, records, contents: new Digests(out, signal) },
      openStore: (scorerDigest) => new Store(options.store ?? out, scorerDigest, shared),
      inTurn: (key, work) => inTurn(workers, key, work, signal),
      serve: (tuned, parts) => serveIfWanted(settings, tuned, { ...parts, out, graph }, options),
    });
    const results = await publishInTurn(out, found, records, { ...options, ship, workers });
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
  {
    graph,
    ...parts
  }: { readonly models: ModelDigests; readonly contents: Digests; readonly out: string; readonly graph: Graph },
  { signal, onNote }: RunOptions,
): Promise<ServedNames | undefined> {
  const endpoint = settings.engine?.endpoint;
  if (!endpoint) return undefined;
  const apiKey = endpoint.apiKeyEnv === undefined ? undefined : process.env[endpoint.apiKeyEnv];
  const { batches, served } = await servedStage(settings, endpoint, tuned, { ...parts, apiKey });
  await graph(batches);
  onNote?.(`the server is started so:\n${served.command}`);
  await checkServed(served, signal);
  return served;
}
