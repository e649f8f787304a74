// The tuned models that an experiment is given.

import type { ExperimentSettings } from "../settings/schema.js";
import type { TunedModel } from "./merges.js";

/** The models that are there before the run. */
export function tunedModels({ aligned, tuned = [] }: ExperimentSettings): TunedModel[] {
  return tuned.map(({ seed, model, adapter }) => ({ seed: String(seed), model: model ?? `${aligned}+${adapter}` }));
}

/** The given ones, or as many without a name as the run tunes: to count merges by before there are models. */
export function expectedModels(
  { tune }: Pick<ExperimentSettings, "tune">,
  given: readonly TunedModel[],
): readonly TunedModel[] {
  return tune ? tune.seeds.map((seed) => ({ seed: String(seed), model: "" })) : given;
}
