// What a run would do: what is there of its steps, and what remains, with tokens, time and bytes. Nothing is done but a few
// answers, to see how fast the model is and how long its answers are.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DownloadOptions } from "../../checkpoint/obtain.js";
import type { Task } from "../../evaluate/types.js";
import { LEAST_RANKED } from "../../statistics/rankCorrelationInterval.js";
import { type MergeSeries, mergeSeries } from "../candidates/merges.js";
import { expectedModels, tunedModels } from "../candidates/tunedModels.js";
import { check } from "../checks/check.js";
import type { Checked } from "../checks/checked.js";
import { count } from "../checks/numberWords.js";
import { sampleOf, valuesInOrder } from "../proxies/screenedOut.js";
import { isScreened } from "../settings/leavesOut.js";
import { readExperiment } from "../settings/load.js";
import type { Experiment, ExperimentSettings } from "../settings/schema.js";
import { knownNumbers } from "./knownNumbers.js";
import { laterSteps } from "./laterSteps.js";
import { lookAt } from "./lookAt.js";
import type { LookedAt } from "./lookout.js";
import { openCosts } from "./openCosts.js";
import type { PlanCosts, PlannedCost, Speeds } from "./planCosts.js";
import { itemsText, type PlannedItems, plannedItems } from "./plannedItems.js";
import { judgesText, type PlannedJudge } from "./plannedJudges.js";
import { keepsText, type PlannedKeep, plannedKeeps } from "./plannedKeeps.js";
import { plannedPreparations } from "./plannedPreparations.js";
import { type PlannedRows, plannedRows, rowsText } from "./plannedRows.js";
import { asStored, probeTasks, withTuned } from "./probeTasks.js";

export interface PlannedStep extends PlannedCost {
  readonly step: string;
  /** Answers and verdicts of these steps, else the steps: those that are there, and all. Two steps may ask for the same answer. */
  readonly done: number;
  readonly total: number;
}

export interface PlannedRun {
  readonly steps: readonly PlannedStep[];
  /** Where an earlier run in the folder chose: what comes on top where another merge is chosen now, at most. */
  readonly ifAnother?: PlannedCost | undefined;
  /** That the aligned model gave just now, in a small batch. */
  readonly tokensPerSecond: number;
  /** Judges that are language models. */
  readonly judges: readonly PlannedJudge[];
  /** Of each tuning that the run does. */
  readonly rows: readonly PlannedRows[];
  /** Whether the safety sets have items enough; absent where nothing is compared with the aligned model's rate. */
  readonly items?: PlannedItems | undefined;
  /** Whether skills and harmless requests have items enough; absent where the rule and its gate ask nothing of them. */
  readonly keeps?: readonly PlannedKeep[] | undefined;
  /** What follows from all that, in sentences. */
  readonly notes: readonly string[];
}

export interface PlanRunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly gate?: string | undefined;
  /** How models are downloaded that are not on this machine: the plan asks them. */
  readonly hub?: DownloadOptions | undefined;
  /** As of `run`. */
  readonly store?: string | undefined;
}

/**
 * Says what a run would do, by the steps of the run and what is there of them: what remains, with its tokens, bytes and time. Nothing
 * is done; the aligned model gives a few answers, to see how fast it is and how long they are.
 * @throws RetemperError as `run` does, for all that is wrong before the start
 * @example
 * ```ts
 * import { type Experiment, planRun } from "retemper";
 *
 * const experiment: Experiment = {
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 * };
 * const { steps, tokensPerSecond } = await planRun(experiment, "results"); // or the path of an experiment.yml
 * const [first] = steps;
 * console.log(first?.step, first?.done); // aligned, validation and test 0
 * console.log(tokensPerSecond > 0); // true
 * ```
 */
export async function planRun(
  experiment: string | Experiment,
  out: string,
  { signal, gate, store, hub }: PlanRunOptions = {},
): Promise<PlannedRun> {
  const { settings, problems } = await readExperiment(experiment, { gate });
  const given = tunedModels(settings);
  const place = resolve(out);
  let probed: Speeds = { probes: new Map(), secondsToOpen: 0 };
  const checked = await check(settings, given, place, {
    signal,
    problems,
    hub,
    measure: async (model, tasks, secondsToOpen) => {
      if (settings.engine?.endpoint) return; // its server may not be there yet
      probed = { secondsToOpen, probes: await probeTasks(model, tasks, signal) };
    },
  });
  try {
    const [tuned] = given;
    if (tuned) probed = { ...probed, probes: await withTuned(probed.probes, tuned, settings, checked, signal) };
    const stored = await asStored(probed.probes, settings, checked.tasks, signal);
    const { parts, finished, reachedControls, meanTokens } = await lookAt(settings, given, checked, {
      out: place,
      store,
      signal,
    });
    const { costs, judges, tokensPerSecond } = await openCosts(settings, checked, {
      ...{ ...probed, asStored: stored, meanTokens },
    });
    const later = finished ? [] : await laterSteps(settings, given, checked, { seen: parts, reachedControls });
    const models = expectedModels(settings, given);
    const labels = new Set(later.map(({ part }) => part));
    // what an earlier choice needed is there: another one is no likely part of the work
    const isChosen = later.length > 0 && existsSync(join(place, "results.json"));
    const seen = parts.filter(({ part }) => isChosen || !labels.has(part)); // of some blocks of items all are counted
    const isOver = isChosen || later.length === 0;
    const prepared = plannedPreparations(settings, models, checked, { seen, isOver });
    const steps = [...prepared, ...seen, ...(isChosen ? [] : later)].map((one) => plannedStep(one, costs));
    const ifAnother = isChosen ? sumOf(later.map((one) => plannedStep(one, costs))) : undefined;
    const rows = plannedRows(settings, checked);
    const series = mergeSeries(settings, models);
    const known = await knownNumbers(place, settings);
    const items = plannedItems(settings, checked, series.length, known.asr);
    const keeps = plannedKeeps(settings, checked, series.length, known);
    const notes = [
      ...(steps.every(({ done, total }) => done === total)
        ? ["Nothing remains: a run would ask nothing and write nothing new."]
        : []),
      ...(ifAnother
        ? [
            `Where another merge is chosen than before, at most ${count(ifAnother.tokens)} tokens and ${count(ifAnother.bytes)} bytes come on top, to write and test it.`,
          ]
        : []),
      ...scoresText(checked),
      ...(await rowsText(rows, settings)),
      ...itemsText(items, settings, checked),
      ...keepsText(keeps),
      ...judgesText(judges.all),
      ...(prepared.length > 0
        ? ["Inputs that methods make before they merge lie in the folder of temporary files until the run ends."]
        : []),
      ...screeningText(settings, series),
      ...(settings.adaptive
        ? [
            "adaptive: tokens and times of the merges are what all items would take; most merges are asked a part of them",
          ]
        : []),
    ];
    return {
      ...{ tokensPerSecond, steps, judges: judges.all, rows, notes },
      ...(ifAnother && { ifAnother }),
      ...(items && { items }),
      ...(keeps.length > 0 && { keeps }),
    };
  } finally {
    await checked.close();
  }
}

/** What screening may spare at most. */
function screeningText(settings: ExperimentSettings, series: readonly MergeSeries[]): string[] {
  if (!isScreened(settings)) return [];
  const merges = series.flatMap((one) => valuesInOrder(one)).length;
  const sample = series.flatMap((one) => sampleOf(one)).length;
  const first = `${count(sample)} of ${count(merges)} merges are asked first`;
  if (sample === merges) return [`proxy.screen: nothing can be left out, since ${first}`];
  if (sample < LEAST_RANKED) {
    const least = `${LEAST_RANKED} are the least for a rank correlation`;
    return [`proxy.screen: nothing can be left out, since ${first}, and ${least}`];
  }
  return [
    `proxy.screen: at most ${count(merges - sample)} of ${count(merges)} merges are left out, where proxies rank the other ${count(sample)} as their answers do; tokens and times are those of all`,
  ];
}

/** What is there of some steps, and what remains. */
export function plannedStep({ part, units, missing, remains }: LookedAt, costs: PlanCosts): PlannedStep {
  return { step: part, done: units - missing, total: units, ...sumOf(remains.map((one) => costs.of(one))) };
}

function sumOf(all: readonly PlannedCost[]): PlannedCost {
  const sum = (key: keyof PlannedCost) => all.reduce((total, one) => total + one[key], 0);
  return { bytes: sum("bytes"), tokens: sum("tokens"), judgeTokens: sum("judgeTokens"), seconds: sum("seconds") };
}

/** What numbers the choice and the test are made by: a set that has two is chosen by one. */
function scoresText({ tasks }: Checked): string[] {
  const of = (part: readonly Task[]) =>
    part
      .filter(({ kind }) => kind === "task")
      .map(({ name, metrics, primary = metrics[0]?.name }) => {
        const found = metrics.find((one) => one.name === primary) ?? metrics[0];
        return `${primary} of ${name} (${found?.better === "low" ? "low" : "high"} is better)`;
      })
      .join(", ");
  return [`Lambda is chosen by ${of(tasks.validation)}; the test is by ${of(tasks.test)}.`];
}
