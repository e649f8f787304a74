// The engine of an experiment.

import type { ExperimentSettings } from "./schema.js";

/** In which blocks models and merges are put where items choose; nothing where they are asked as they are stored. */
export function choosingWeights({ engine }: Pick<ExperimentSettings, "engine">) {
  const weights = engine?.weights;
  return weights === undefined || weights === "asStored" ? {} : { weights };
}

/** What models in folders are opened with. */
export function engineOf({ engine }: Pick<ExperimentSettings, "engine">) {
  const { engine: name, precision, threads } = engine ?? {};
  return { engine: name, precision, threads };
}
