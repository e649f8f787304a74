// All that a search measures by: an experiment that was read and checked, its folder, its store of answers, its models.

import { join, resolve } from "node:path";
import type { TunedModel } from "../experiment/candidates/merges.js";
import { tunedModels } from "../experiment/candidates/tunedModels.js";
import { check } from "../experiment/checks/check.js";
import type { Checked } from "../experiment/checks/checked.js";
import { betterOf, labelsOf } from "../experiment/checks/labels.js";
import { DIGESTS_FILE, Digests } from "../experiment/digests/contents.js";
import { ModelDigests } from "../experiment/digests/modelDigests.js";
import type { RunOptions } from "../experiment/run.js";
import { readExperiment } from "../experiment/settings/load.js";
import type { Problems } from "../experiment/settings/problems.js";
import type { Experiment, ExperimentSettings } from "../experiment/settings/schema.js";
import { type SearchSettings, searchSchema } from "../experiment/settings/searchSchema.js";
import { withCheckpoints } from "../experiment/settings/withCheckpoints.js";
import { enterFolder } from "../experiment/sharing/enterFolder.js";
import type { Graph } from "../experiment/stages.js";
import { Measuring } from "../experiment/steps/measuring.js";
import { Progress } from "../experiment/steps/progress.js";
import { refuseOld } from "../experiment/steps/refuseOld.js";
import { runGraph } from "../experiment/steps/runGraph.js";
import { StepRecords } from "../experiment/steps/stepRecords.js";
import { tuneStage } from "../experiment/steps/tuneStage.js";
import { Store, scorerDigestWith } from "../experiment/store/store.js";
import { clearShared } from "../files/writeShared.js";
import { STATUS_FILE } from "../report/status.js";
import type { Labels } from "../select/types.js";
import { type Close, closingAfter } from "./closingAfter.js";
import type { TensorGroup } from "./groups.js";
import { modelGroups } from "./modelGroups.js";

/** As those of a run; `store` may be the folder of one, whose answers are then not asked again. */
export interface SearchOptions
  extends Pick<RunOptions, "signal" | "onStep" | "onProgress" | "onStepEnd" | "onNote" | "hub" | "store"> {}

export interface OpenSearch {
  readonly settings: ExperimentSettings;
  readonly search: SearchSettings;
  readonly out: string;
  readonly checked: Checked;
  readonly tuned: readonly TunedModel[];
  readonly groups: readonly TensorGroup[];
  readonly models: ModelDigests;
  readonly measuring: Measuring;
  readonly graph: Graph;
  readonly records: StepRecords;
  readonly progress: Progress;
  /** Of the score, on the data that choose. */
  readonly better: "high" | "low";
  readonly labels: Labels;
}

/** Opens what a search needs, and closes it after `work`. @throws as `run` does, before anything long starts */
export async function withSearch<T>(
  experiment: string | Experiment,
  out: string,
  options: SearchOptions,
  work: (opened: OpenSearch) => Promise<T>,
): Promise<T> {
  const { signal, hub, onStep, onNote } = options;
  signal?.throwIfAborted();
  const { settings, problems } = await readSearched(experiment);
  const given = tunedModels(settings);
  const place = resolve(out);
  const checked = await check(settings, given, place, { signal, problems, hub });
  return closingAfter([() => checked.close()], async (outer) => {
    const { workers, leave } = await enterFolder(place, settings, { signal, onNote });
    // all else is closed before the status says that all is done
    const first = outer.splice(0, outer.length, leave);
    let progress: Progress | undefined;
    try {
      const found = await closingAfter(first, async (closes) => {
        await refuseOld(place);
        for (const name of [STATUS_FILE, DIGESTS_FILE]) await clearShared(join(place, name));
        const labels = labelsOf(settings, checked).validation;
        const about = { name: settings.name, labels, better: betterOf(checked.tasks.validation) };
        const told = new Progress(place, about, options);
        progress = told;
        const records = new StepRecords(place);
        const contents = new Digests(place, signal);
        const graph: Graph = (batches) => runGraph(batches, { records, workers, progress: told, signal, onStep });
        const openStore: SearchHost["openStore"] = (scorerDigest) => new Store(options.store ?? place, scorerDigest);
        const host = { out: place, graph, records, progress: told, contents, openStore };
        return work(await openParts(settings, given, checked, host, closes));
      });
      await progress?.end("done");
      return found;
    } catch (error) {
      await progress?.end("stopped", (error as Error).message);
      throw error;
    }
  });
}

/** What a search is given: by one that is made to do its steps, by a plan to look at them. */
export interface SearchHost extends Pick<OpenSearch, "out" | "graph" | "records" | "progress"> {
  readonly contents: Digests;
  /** Folders of tunings that a plan foresees: no file is there yet. */
  readonly unmade?: ReadonlySet<string>;
  readonly openStore: (scorerDigest: ReturnType<typeof scorerDigestWith>) => Store;
}

/** @param closes gets what is opened */
export async function openParts(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  { out, graph, records, progress, contents, unmade, openStore }: SearchHost,
  closes: Close[],
): Promise<OpenSearch> {
  const search = settings.search ?? searchSchema.parse({});
  const models = new ModelDigests(contents);
  const tokens = (seed: string) => checked.tunings.get(seed)?.tokens;
  const tuning = await tuneStage(withCheckpoints(settings, checked.tunings), contents, records, progress, tokens);
  await graph(tuning.batches);
  const tuned = settings.tune ? tuning.tuned : given;
  const references = tuned.map(({ model }) => model);
  await models.learn([settings.aligned, ...references]);
  await models.learn([...checked.judges.sources, ...(settings.bertScore ? [settings.bertScore.model] : [])]);
  const scorerDigest = scorerDigestWith(models.within);
  const store = openStore(scorerDigest);
  closes.push(() => store.close());
  const measuring = new Measuring({
    ...{ settings, checked, store, scorerDigest, byDigest: models.within, onProgress: progress.evaluating },
  });
  closes.push(() => measuring.close());
  // what a tuning will change is not known before: layers alone, as most adapters
  const made = references.filter((model) => ![...(unmade ?? [])].some((folder) => model.includes(folder)));
  const groups = await modelGroups(settings.aligned, made, search);
  return {
    ...{ settings, search, out, checked, tuned, groups, models, measuring, graph, records, progress },
    ...{ labels: labelsOf(settings, checked).validation, better: betterOf(checked.tasks.validation) },
  };
}

/** Reads an experiment for a search, whose models are all asked as they are stored, whatever `engine.weights` says of a run. */
export async function readSearched(experiment: string | Experiment) {
  const { settings, problems } = await readExperiment(experiment);
  sayOfSearch(settings, problems);
  const engine = settings.engine && { ...settings.engine, weights: undefined };
  return { settings: { ...settings, engine }, problems };
}

/** What is wrong with an experiment for a search, though a run would take it. */
function sayOfSearch({ engine, select, search, extrapolate, adaptive }: ExperimentSettings, problems: Problems): void {
  const say = (text: string, path: string[], hint?: string) => problems.add(text, "BAD_RECIPE", { path, hint });
  if (engine?.endpoint) say("a search runs its merges here: leave engine.endpoint out", ["engine", "endpoint"]);
  if (select.rule !== "constrained") {
    say(`a search looks for the best merge under the rule constrained, and the rule is ${select.rule}`, [
      "select",
      "rule",
    ]);
  }
  if (select.corrected)
    say("a search does not correct for the judge's errors: leave select.corrected out", ["select", "corrected"]);
  if (adaptive) say("a search asks each candidate the whole of a set: leave adaptive out", ["adaptive"]);
  const [low, high] = search?.range ?? [0, 1];
  if (!(low < high)) say("search.range is [low, high]", ["search", "range"]);
  else if ((low < 0 || high > 1) && !extrapolate) {
    say(`search.range goes beyond 0 to 1: write extrapolate: true if that is meant`, ["search", "range"]);
  }
}
