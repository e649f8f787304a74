// rho of each group: how much of the direction of a tuning's change the projection on what aligned the model leaves, by Safe LoRA.

import { RetemperError } from "../errors.js";
import type { TunedModel } from "../experiment/candidates/merges.js";
import type { ExperimentSettings } from "../experiment/settings/schema.js";
import { moduleRhos } from "../merge/prepared/moduleRhos.js";
import { groupPlaces, type TensorGroup } from "../search/groups.js";

export interface RhosFound {
  /** One a group: the mean over its modules and the tunings; null where no module of it is judged. */
  readonly groups?: readonly (number | null)[] | undefined;
  readonly notes: readonly string[];
}

export interface GroupRhosParts {
  readonly settings: Pick<ExperimentSettings, "aligned" | "engine">;
  readonly unaligned: string;
  readonly tuned: readonly TunedModel[];
  readonly groups: readonly TensorGroup[];
  readonly signal?: AbortSignal | undefined;
}

/** Of models that no projection fits (a DoRA adapter, an unaligned model of other shapes) there are none, which a note says. */
export async function groupRhos({ settings, unaligned, tuned, groups, signal }: GroupRhosParts): Promise<RhosFound> {
  const sums = groups.map(() => ({ sum: 0, count: 0 }));
  const notes = new Set<string>();
  const { aligned, engine } = settings;
  for (const { model } of tuned) {
    try {
      const found = await moduleRhos({ aligned, unaligned, tuned: model }, { signal, threads: engine?.threads });
      const places = groupPlaces(groups, [...found.rhos.keys()]);
      for (const [name, rho] of found.rhos) {
        const own = sums[places.get(name) as number];
        if (own) [own.sum, own.count] = [own.sum + rho, own.count + 1];
      }
      for (const warning of found.warnings) notes.add(warning);
    } catch (error) {
      if (!(error instanceof RetemperError) || error.code !== "INCOMPATIBLE") throw error;
      return { notes: [`There is no rho: ${error.message}.`] };
    }
  }
  return { groups: sums.map(({ sum, count }) => (count === 0 ? null : sum / count)), notes: [...notes] };
}
