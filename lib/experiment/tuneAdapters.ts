// Tunes the aligned model once for each seed.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { tune } from "../tune/tune.js";
import type { TuneOptions } from "../tune/types.js";
import type { TunedModel } from "./merges.js";
import type { ExperimentSettings } from "./schema.js";
import { modelDigest, type Steps } from "./steps.js";

/** @returns the aligned model + each adapter; a tuning that was killed goes on from its last checkpoint */
export async function tuneAdapters(
  settings: ExperimentSettings,
  steps: Steps,
  signal: AbortSignal | undefined,
): Promise<TunedModel[]> {
  const { aligned, tune: wanted, engine } = settings;
  if (!wanted) return [];
  const digest = await modelDigest(aligned);
  const tuned: TunedModel[] = [];
  for (const seed of wanted.seeds) {
    const { folder } = await steps.do(
      `tune seed ${seed}`,
      [digest, wanted.data, wanted.options, seed],
      async (place) => {
        const out = join(place, "adapter");
        const options = {
          ...wanted.options,
          seed,
          engine: engine?.engine,
          threads: engine?.threads,
          signal,
        } as TuneOptions;
        const { steps: done } = await tune(aligned, wanted.data, out, { ...options, resume: existsSync(out) });
        return { newTokens: done.reduce((sum, { tokens }) => sum + tokens, 0), bytesWritten: 0 };
      },
    );
    tuned.push({ seed: String(seed), model: `${aligned}+${join(folder, "adapter")}` });
  }
  return tuned;
}
