// What a search would do: what is there of its steps, and what remains, with tokens, time and bytes. Nothing is done but a few answers,
// to see how fast the model is and how long its answers are.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { tunedModels } from "../experiment/candidates/tunedModels.js";
import { allTasks } from "../experiment/checks/askedTasks.js";
import { check } from "../experiment/checks/check.js";
import { labelsOf } from "../experiment/checks/labels.js";
import { PlannedDigests } from "../experiment/plan/lookAt.js";
import { type LookedAt, Lookout, NotThereYet } from "../experiment/plan/lookout.js";
import { meanTokensOf, openCosts } from "../experiment/plan/openCosts.js";
import { judgesText } from "../experiment/plan/plannedJudges.js";
import { type PlannedRun, type PlanRunOptions, plannedStep } from "../experiment/plan/planRun.js";
import { type Probes, probeTasks, withTuned } from "../experiment/plan/probeTasks.js";
import type { Experiment } from "../experiment/settings/schema.js";
import { Progress } from "../experiment/steps/progress.js";
import { refuseOld } from "../experiment/steps/refuseOld.js";
import { StepRecords } from "../experiment/steps/stepRecords.js";
import { Store } from "../experiment/store/store.js";
import { closingAfter } from "./closingAfter.js";
import { laterParts } from "./laterParts.js";
import { type OpenSearch, openParts, readSearched } from "./openSearch.js";
import { searchStages } from "./searchStages.js";

export type PlannedSearch = Pick<PlannedRun, "steps" | "tokensPerSecond" | "judges" | "notes">;

/**
 * Says what a search would do, by its steps and what is there of them: what remains, with its tokens and time. Nothing is done; the models
 * give a few answers, to see how fast they are and how long their answers are. What comes after the first steps that are missing is
 * counted at most: as many candidates as the search may ask.
 * @throws RetemperError as `search` does, for all that is wrong before the start
 * @example
 * ```ts
 * import { type Experiment, planSearch } from "retemper";
 *
 * const experiment: Experiment = {
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 *   search: { candidates: 100 },
 *   select: { margin: 0.05 },
 * };
 * const { steps } = await planSearch(experiment, "searched");
 * console.log(steps.map(({ step, tokens }) => [step, tokens]));
 * ```
 */
export async function planSearch(
  experiment: string | Experiment,
  out: string,
  { signal, store, hub }: Omit<PlanRunOptions, "gate"> = {},
): Promise<PlannedSearch> {
  const { settings, problems } = await readSearched(experiment);
  const given = tunedModels(settings);
  const place = resolve(out);
  let probed: { readonly probes: Probes; readonly secondsToOpen: number } = { probes: new Map(), secondsToOpen: 0 };
  const checked = await check(settings, given, place, {
    ...{ signal, problems, hub },
    measure: async (model, tasks, secondsToOpen) => {
      probed = { secondsToOpen, probes: await probeTasks(model, tasks, signal) };
    },
  });
  return closingAfter([() => checked.close()], async (closes) => {
    const [tuned] = given;
    if (tuned) probed = { ...probed, probes: await withTuned(probed.probes, tuned, settings, checked, signal) };
    await refuseOld(place);
    const records = new StepRecords(place);
    const lookout = new Lookout(records);
    const kept = store ?? place;
    const isThere = existsSync(join(place, "steps")) || existsSync(join(kept, "answers"));
    const contents = new PlannedDigests(place, isThere, lookout.unmade, signal);
    const progress = new Progress(undefined, { name: settings.name, labels: labelsOf(settings, checked).validation });
    let answers: Store | undefined;
    const openStore = (scorerDigest: ConstructorParameters<typeof Store>[1]) => {
      answers = new Store(kept, scorerDigest);
      return answers;
    };
    const { graph, unmade } = lookout;
    const host = { out: place, graph, unmade, records, progress, contents, openStore };
    let opened: OpenSearch | undefined;
    let finished = false;
    try {
      opened = await openParts(settings, given, checked, host, closes);
      await searchStages(opened, { signal });
      finished = true;
    } catch (error) {
      if (!(error instanceof NotThereYet)) throw error;
    }
    const meanTokens = await meanTokensOf(answers, allTasks(checked));
    const { costs, judges, tokensPerSecond } = await openCosts(settings, checked, { ...probed, meanTokens });
    const parts = [...lookout.parts, ...(opened && !finished ? laterParts(opened, lookout.parts, probed.probes) : [])];
    const steps = joined(parts).map((one) => plannedStep(one, costs));
    const notes = [
      ...(steps.every(({ done, total }) => done === total)
        ? ["Nothing remains: a search would ask nothing."]
        : ["Candidates, finalists and choices that are not there yet are counted at most."]),
      ...judgesText(judges.all),
    ];
    return { steps, tokensPerSecond, judges: judges.all, notes };
  });
}

/** What was looked at of a part, and what comes later of it, as one. */
function joined(parts: readonly LookedAt[]): LookedAt[] {
  const found = new Map<string, LookedAt>();
  for (const one of parts) {
    const before = found.get(one.part) ?? { part: one.part, units: 0, missing: 0, remains: [] };
    found.set(one.part, {
      ...{ part: one.part, units: before.units + one.units, missing: before.missing + one.missing },
      remains: [...before.remains, ...one.remains],
    });
  }
  return [...found.values()];
}
