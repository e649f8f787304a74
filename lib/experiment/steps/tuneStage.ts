// Tunes the aligned model once for each seed.

import { join } from "node:path";
import { tune } from "../../tune/tune.js";
import type { TunedModel } from "../candidates/merges.js";
import { ofSeed } from "../checks/seedSplits.js";
import type { Digests } from "../digests/contents.js";
import { asDigest, digestOf } from "../digests/digestOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Progress } from "./progress.js";
import { type Batch, defineStep, single } from "./step.js";
import type { StepRecords } from "./stepRecords.js";

export interface TuneStage {
  readonly batches: readonly Batch[];
  /** The aligned model + each adapter, once the batches are done. */
  readonly tuned: readonly TunedModel[];
}

/**
 * A tuning that was killed goes on from its last checkpoint.
 * @param tokens that the tuning of a seed learns from, as far as is known
 * @param words after a step's name, of tunings with other options than the experiment's
 */
export async function tuneStage(
  { aligned, tune: wanted, engine }: ExperimentSettings,
  contents: Digests,
  records: StepRecords,
  progress: Progress,
  tokens: (seed: string) => number | undefined,
  words = "",
): Promise<TuneStage> {
  if (!wanted) return { batches: [], tuned: [] };
  const initFrom = wanted.options?.initFrom;
  const model = asDigest("model", await contents.model(aligned));
  const from = initFrom === undefined ? undefined : asDigest("model", await contents.modelOrFile(initFrom));
  const { initFrom: _, ...options } = wanted.options ?? {};
  const settings = digestOf("settings", { ...options, engine: engine?.engine });
  const batches: Batch[] = [];
  const tuned: TunedModel[] = [];
  for (const seed of wanted.seeds) {
    const { digest, pinned } = await contents.data(ofSeed(wanted.data, seed));
    const inputs = { model, data: asDigest("data", digest), settings, seed: digestOf("settings", seed), from };
    const step = defineStep("tune", `tune seed ${seed}${words}`, inputs, { work: tokens(String(seed)) });
    const folder = join(records.folderOf(step), "adapter");
    batches.push(
      single(
        step,
        async ({ signal }) => {
          let learned = 0; // by this process
          const { steps: done } = await tune(aligned, pinned, folder, {
            ...wanted.options,
            ...{ seed, engine: engine?.engine, threads: engine?.threads, signal },
            resume: true, // with what a killed run left
            onProgress: ({ done: at, total, loss, tokens: more }) => {
              learned += more;
              progress.tell("steps", at, total, learned, loss);
            },
          });
          return { newTokens: 0, tunedTokens: done.reduce((sum, one) => sum + one.tokens, 0), bytesWritten: 0 };
        },
        { remains: async () => ({ learned: step.work, opened: 1, units: 1, pending: true }) },
      ),
    );
    tuned.push({ seed: String(seed), model: `${aligned}+${folder}` });
  }
  return { batches, tuned };
}
