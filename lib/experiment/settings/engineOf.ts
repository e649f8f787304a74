// The engine of an experiment.

import type { ExperimentSettings } from "./schema.js";

/** In which blocks models and merges are put where items choose; nothing where they are asked as they are stored. */
export function choosingWeights({ engine }: Pick<ExperimentSettings, "engine">) {
  const weights = engine?.weights;
  return weights === undefined || weights === "asStored" ? {} : { weights };
}

/** What models in folders are opened with. */
export function engineOf(settings: Pick<ExperimentSettings, "engine">) {
  return { engine: settings.engine?.engine, ...nativeOptions(settings) };
}

/** What models and merges are opened with where the engine is the native one anyway. */
export function nativeOptions({ engine }: Pick<ExperimentSettings, "engine">) {
  const { precision, cache, threads } = engine ?? {};
  return { precision, cache, threads };
}
