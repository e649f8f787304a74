// What the steps of a run share, and what they hand on to each other.

import type { MeasuredCandidate } from "../../report/types.js";
import type { MergeSeries, TunedModel } from "../candidates/merges.js";
import type { Checked } from "../checks/checked.js";
import type { SeedResults } from "../results/measure.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Digests } from "./digests.js";
import type { Evaluations } from "./evaluations.js";
import type { Progress } from "./progress.js";
import type { Steps } from "./steps.js";

export interface RunParts {
  readonly settings: ExperimentSettings;
  readonly tuned: readonly TunedModel[];
  readonly evaluations: Evaluations;
  readonly steps: Steps;
  readonly progress: Progress;
  readonly out: string;
  /** Where experiment.yml lies, if it is a file. */
  readonly folder: string | undefined;
  /** By model: what it holds. */
  readonly digests: ReadonlyMap<string, string>;
  readonly contents: Digests;
  readonly checked: Checked;
  readonly signal: AbortSignal | undefined;
}

/** A merge of the table with its evaluations, one for each seed. */
export interface EvaluatedPoint {
  readonly series: MergeSeries;
  readonly lambda: number | undefined;
  readonly seeds: readonly SeedResults[];
  readonly measured: MeasuredCandidate;
}

/** The seed of what is no seed's. */
export const ALL = "all";
