// What a study would do, experiment by experiment.

import { resolve } from "node:path";
import { type PlannedRun, planRun } from "../experiment/plan/planRun.js";
import { checkStudy } from "./checkStudy.js";
import { experimentFolder } from "./experimentFolder.js";
import { readStudy } from "./settings/readStudy.js";
import type { Study } from "./settings/schema.js";

export interface PlannedExperiment {
  readonly task: string;
  readonly model: string;
  readonly plan: PlannedRun;
}

/**
 * Says what `runStudy` would do. Nothing is written; each aligned model gives a few answers, to see how fast it is.
 * @throws RetemperError with everything that is wrong
 * @example
 * ```ts
 * import { planStudy } from "retemper";
 *
 * for (const { task, model, plan } of await planStudy("study.yml", "study")) {
 *   console.log(task, model, plan.steps.length);
 * }
 * ```
 */
export async function planStudy(
  study: string | Study,
  out: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PlannedExperiment[]> {
  const read = await readStudy(study);
  const place = resolve(out);
  await checkStudy(read, place, signal);
  const planned: PlannedExperiment[] = [];
  for (const one of read.experiments) {
    const { task, model, settings } = one;
    planned.push({
      task,
      model,
      plan: await planRun(settings, experimentFolder(place, one), { signal, store: place }),
    });
  }
  return planned;
}
