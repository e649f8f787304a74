// How many lambdas an experiment asks between two of its grid, once the grid's choice is known.

import type { ExperimentSettings } from "./schema.js";

export function refinedPoints({ adaptive }: Pick<ExperimentSettings, "adaptive">): number {
  return typeof adaptive === "object" ? adaptive.refine : 0;
}
