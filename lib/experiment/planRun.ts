// What a run would do, with the bytes and tokens of each step; nothing is done.

import { resolve } from "node:path";
import type { Task } from "../evaluate/types.js";
import { check } from "./check.js";
import { loadExperiment } from "./load.js";
import { mergePoints } from "./merges.js";
import { tunedModels } from "./run.js";
import type { Experiment } from "./schema.js";

export interface PlannedRun {
  /** `bytes` are written, of which only those of "write" stay; `tokens` is the most that can be answered. */
  readonly steps: readonly { readonly step: string; readonly bytes: number; readonly tokens: number }[];
}

/** @throws RetemperError as `run` does, for all that is wrong before the start */
export async function planRun(
  experiment: string | Experiment,
  out: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PlannedRun> {
  const settings = await loadExperiment(experiment);
  const seeds = settings.tune?.seeds.map(String) ?? [];
  const tuned = settings.tune ? seeds.map((seed) => ({ seed, model: settings.aligned })) : tunedModels(settings);
  const points = mergePoints(settings, tuned);
  const known = settings.tune ? [] : tuned.map(({ model }) => model);
  const checked = await check(settings, settings.tune ? [] : points, known, resolve(out), signal);
  const { safety, safetyTest, validation, test } = checked.tasks;
  const [first, last] = [tokensOf([...safety, ...validation]), tokensOf([...safetyTest, ...test])];
  const bytes = checked.bytesOfMerge;
  const merges = points.reduce((sum, point) => sum + point.merges.length, 0);
  const methods = new Set(points.map(({ method, parameters }) => JSON.stringify([method, parameters]))).size;
  const written = methods * tuned.length;
  return {
    steps: [
      ...seeds.map((seed) => ({ step: `tune seed ${seed}`, bytes: 0, tokens: 0 })),
      { step: "evaluate aligned, validation and test", bytes: 0, tokens: first + last },
      {
        step: `evaluate ${tuned.length} fine-tuned, validation and test`,
        bytes: 0,
        tokens: tuned.length * (first + last),
      },
      { step: `evaluate ${merges} merges, validation`, bytes: merges * bytes, tokens: merges * first },
      { step: `write what is chosen, at most ${written}`, bytes: written * bytes, tokens: 0 },
      { step: `evaluate what was written, at most ${written}, test`, bytes: 0, tokens: written * last },
    ],
  };
}

function tokensOf(tasks: readonly Task[]): number {
  return tasks.reduce(
    (sum, { items, decoding }) => sum + items.length * (decoding.maxNewTokens ?? 0) * (decoding.samples ?? 1),
    0,
  );
}
