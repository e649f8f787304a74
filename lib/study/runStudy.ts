// A study from beginning to end: the experiment of each task with each model, one after another, and one report of all.

import { resolve } from "node:path";
import { type RunOptions, run } from "../experiment/run.js";
import { checkStudy } from "./checkStudy.js";
import { experimentFolder } from "./experimentFolder.js";
import { cellOf } from "./results/cellOf.js";
import { STUDY_FORMAT, type StudyCell, type StudyResults } from "./results/types.js";
import { writeStudy } from "./results/writeStudy.js";
import { readStudy } from "./settings/readStudy.js";
import type { Study } from "./settings/schema.js";

/** Which experiment of how many. */
export interface StudyProgress {
  readonly task: string;
  readonly model: string;
  readonly k: number;
  readonly n: number;
}

export interface RunStudyOptions extends Omit<RunOptions, "gate" | "store" | "folder"> {
  /** Called as each experiment starts. */
  readonly onExperiment?: ((progress: StudyProgress) => void) | undefined;
}

/**
 * Runs the experiments of a study, or goes on with them: what is there is not done again. They share one store of answers, so that
 * a model is asked the safety sets once for all tasks. `out` gets study.json, report.html and report.md, also after each
 * experiment, and experiments/MODEL/TASK, each the folder of a run.
 * @param study a path of a study.yml, or what such a file holds
 * @throws RetemperError with everything that is wrong, before anything long starts; as `run` does
 * @example
 * ```ts
 * import { runStudy, type Study } from "retemper";
 *
 * const study: Study = {
 *   models: { small: { aligned: "models/aligned" } },
 *   tasks: { calls: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] } },
 *   seeds: [42],
 *   tuned: { adapter: "models/adapter" }, // of several tasks and seeds: adapters/{task}/{seed}
 *   methods: ["linear"],
 *   lambda: [0.4],
 *   safety: { sets: ["safety:requests.jsonl"], judges: [{ keyword: ["I can't help with that"] }] },
 *   decoding: { maxNewTokens: 24 },
 *   limit: 16,
 * };
 * const { cells } = await runStudy(study, "study");
 * console.log(cells.map(({ task, model }) => `${task} with ${model}`));
 * ```
 */
export async function runStudy(
  study: string | Study,
  out: string,
  options: RunStudyOptions = {},
): Promise<StudyResults> {
  const { onExperiment, ...each } = options;
  each.signal?.throwIfAborted();
  const read = await readStudy(study);
  const place = resolve(out);
  await checkStudy(read, place, each.signal);
  const { name, experiments, folder } = read;
  const cells: StudyCell[] = [];
  const versions = new Set<string>();
  let results: StudyResults = { format: STUDY_FORMAT, name, versions: [], cells, notes: [] };
  for (const [at, one] of experiments.entries()) {
    const { task, model, settings } = one;
    onExperiment?.({ task, model, k: at + 1, n: experiments.length });
    const found = await run(settings, experimentFolder(place, one), { ...each, store: place, folder });
    versions.add(found.provenance.version);
    cells.push(cellOf(one, settings, found));
    const rest = experiments.slice(at + 1).map((other) => `${other.task}, ${other.model}`);
    const notes = rest.length === 0 ? [] : [`Not measured yet: ${rest.join("; ")}.`];
    results = { ...results, versions: [...versions].sort(), cells: [...cells], notes };
    await writeStudy(place, results);
  }
  return results;
}
