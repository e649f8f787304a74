// Tunes the aligned model once for each seed.

import { join } from "node:path";
import { tune } from "../../tune/tune.js";
import type { TunedModel } from "../candidates/merges.js";
import { ofSeed } from "../checks/seedSplits.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Digests } from "./digests.js";
import type { Progress } from "./progress.js";
import type { Steps } from "./steps.js";

/** @returns the aligned model + each adapter; a tuning that was killed goes on from its last checkpoint */
export async function tuneAdapters(
  settings: ExperimentSettings,
  steps: Steps,
  digests: Digests,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<TunedModel[]> {
  const { aligned, tune: wanted, engine } = settings;
  if (!wanted) return [];
  const initFrom = wanted.options?.initFrom;
  const model = await digests.model(aligned);
  const options = wanted.options && { ...wanted.options, initFrom: initFrom && (await digests.modelOrFile(initFrom)) };
  const tuned: TunedModel[] = [];
  for (const seed of wanted.seeds) {
    const data = await digests.data(ofSeed(wanted.data, seed));
    const inputs = [model, data.digest, engine?.engine, options];
    const { folder } = await steps.do(`tune seed ${seed}`, [...inputs, seed], async (place) => {
      const out = join(place, "adapter");
      let tokens = 0; // of this process
      const { steps: done } = await tune(aligned, data.pinned, out, {
        ...wanted.options,
        seed,
        engine: engine?.engine,
        threads: engine?.threads,
        resume: true, // with what a killed run left
        signal,
        onProgress: ({ done: step, total, loss, tokens: more }) => {
          tokens += more;
          progress.tell("steps", step, total, tokens, loss);
        },
      });
      return { newTokens: 0, tunedTokens: done.reduce((sum, { tokens }) => sum + tokens, 0), bytesWritten: 0 };
    });
    tuned.push({ seed: String(seed), model: `${aligned}+${join(folder, "adapter")}` });
  }
  return tuned;
}
