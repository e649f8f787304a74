// The models that every candidate is compared with, on each of the three sets.

import { isOutsideOfChoice } from "../evaluate/run/outsideOfChoice.js";
import type { Results } from "../evaluate/run/results.js";
import type { Task } from "../evaluate/types.js";
import { ALL } from "../experiment/candidates/point.js";
import { tunedSubject, wholeSubject } from "../experiment/steps/measureStage.js";
import { measure, type SeedResults } from "../experiment/tables/measure.js";
import { tableItems } from "../experiment/tables/tableItems.js";
import type { Measured } from "../report/types.js";
import type { AskedSets } from "./measureMerges.js";
import type { OpenSearch } from "./openSearch.js";
import { ThreeSets } from "./threeSets.js";

export const SETS = ["search", "choose", "confirm"] as const;
export type SetName = (typeof SETS)[number];

/** One of the sets: what is asked, and the numbers of the two ends. */
export interface SearchEnds extends AskedSets {
  readonly aligned: Measured;
  readonly tuned: Measured;
  /** What they said. */
  readonly said: { readonly aligned: Results | undefined; readonly tuned: readonly SeedResults[] };
}

export async function measureEnds({
  settings,
  tuned,
  models,
  measuring,
  graph,
}: OpenSearch): Promise<Readonly<Record<SetName, SearchEnds>>> {
  const sets = new ThreeSets(measuring.tasksOf("validation"), measuring.skillSets("validation").only);
  const known = new Map<string, readonly Task[]>();
  const tasksOf = (set: SetName, tuning?: string) => {
    const key = `${set} ${tuning}`;
    const tasks =
      known.get(key) ??
      (set === "confirm"
        ? measuring.tasksOf("test", tuning).filter((task) => !isOutsideOfChoice(task))
        : sets.of(measuring.tasksOf("validation", tuning))[set]);
    known.set(key, tasks);
    return tasks;
  };
  const asked = SETS.map((set) => ({
    set,
    aligned: measuring.measure(`aligned, ${set}`, wholeSubject("aligned", settings, models), tasksOf(set), "aligned"),
    tuned: tuned.map((one) => ({
      seed: one.seed,
      measurement: measuring.measure(
        `fine-tuned seed ${one.seed}, ${set}`,
        tunedSubject(one, settings, models),
        tasksOf(set, one.seed),
        "fine-tuned",
      ),
    })),
  }));
  await graph(
    asked.flatMap((one) => [...one.aligned.batches, ...one.tuned.flatMap(({ measurement }) => measurement.batches)]),
  );
  const found: [SetName, SearchEnds][] = [];
  for (const one of asked) {
    const [results] = (await one.aligned.read(undefined)).results;
    const items = tableItems(results, measuring.skillSets(one.set === "confirm" ? "test" : "validation"));
    const seeds = [];
    for (const { seed, measurement } of one.tuned) {
      const read = await measurement.read(undefined);
      seeds.push(...read.results.map((own) => ({ seed, tuning: seed, results: own })));
    }
    found.push([
      one.set,
      {
        tasksOf: (tuning) => tasksOf(one.set, tuning),
        items,
        aligned: measure(results ? [{ seed: ALL, tuning: ALL, results }] : [], items),
        tuned: measure(seeds, items),
        said: { aligned: results, tuned: seeds },
      },
    ]);
  }
  return Object.fromEntries(found) as Record<SetName, SearchEnds>;
}
