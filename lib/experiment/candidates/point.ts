// A merge of the table with its evaluations, one for each seed.

import type { MeasuredCandidate } from "../../report/types.js";
import type { SeedResults } from "../tables/measure.js";
import type { MergeSeries } from "./merges.js";

export interface EvaluatedPoint {
  readonly series: MergeSeries;
  /** Of lambda, or of what the series varies. */
  readonly value: number | undefined;
  readonly seeds: readonly SeedResults[];
  readonly measured: MeasuredCandidate;
}

/** The seed of what is no seed's. */
export const ALL = "all";
