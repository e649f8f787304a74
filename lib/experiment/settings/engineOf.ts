// The engine of an experiment.

import type { ExperimentSettings } from "./schema.js";

/** What models in folders are opened with. */
export function engineOf({ engine }: Pick<ExperimentSettings, "engine">) {
  const { engine: name, precision, threads } = engine ?? {};
  return { engine: name, precision, threads };
}
