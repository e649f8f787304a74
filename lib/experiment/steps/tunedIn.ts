// The tuned models of a run that has ended, for those who go on with them.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { readIfThere } from "../../files/readIfThere.js";
import type { TunedModel } from "../candidates/merges.js";
import { tunedModels } from "../candidates/tunedModels.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { RECORD, RECORD_LIMIT } from "./stepRecords.js";

/**
 * Those that the experiment was given, or that it tuned: of several tunings of a seed, as other settings made them, the last one.
 * @param out the run's folder
 * @throws RetemperError BAD_INPUT where a tuning is not there
 */
export async function tunedIn(out: string, settings: ExperimentSettings): Promise<readonly TunedModel[]> {
  if (!settings.tune) return tunedModels(settings);
  const folder = join(out, "steps");
  const made: { readonly step: string; readonly at: number; readonly adapter: string }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const record = join(folder, name, RECORD);
    if (!name.startsWith("tune-")) continue;
    const text = await readIfThere(record, RECORD_LIMIT);
    if (text === undefined) continue;
    const { step } = JSON.parse(text) as { step: string };
    made.push({ step, at: (await stat(record)).mtimeMs, adapter: join(folder, name, "adapter") });
  }
  made.sort((a, b) => b.at - a.at);
  return settings.tune.seeds.map((seed) => {
    const found = made.find(({ step }) => step === `tune seed ${seed}`);
    if (found !== undefined) return { seed: String(seed), model: `${settings.aligned}+${found.adapter}` };
    throw new RetemperError("BAD_INPUT", `the tuning of seed ${seed} is not there`, {
      file: folder,
      hint: "give the output folder of a retemper run that has ended",
    });
  });
}
