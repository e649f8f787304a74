// What a run says of itself while it goes on: the shape of status.json.

import type { SelectionTable } from "../select/types.js";
import type { SearchFront } from "./search/types.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "./types.js";

export const STATUS_FILE = "status.json";

export interface ExperimentStatus {
  readonly name: string;
  readonly labels: ExperimentResults["labels"];
  /** The direction of the score; "high" by default. */
  readonly better?: "high" | "low" | undefined;
  /** What the scores of skills are called, and their directions. */
  readonly skills?: SelectionTable["skills"];
  readonly state: "running" | "done" | "stopped";
  /** Why it stopped. */
  readonly message?: string | undefined;
  /** When the process that wrote this began, and for how long it had worked when it did. */
  readonly startedAt?: string | undefined;
  readonly elapsedSeconds?: number | undefined;
  /** Of the whole run, about; absent until enough was measured. */
  readonly secondsLeft?: number | undefined;
  /** New tokens, in the step that goes on. */
  readonly tokensPerSecond?: number | undefined;
  /** What goes on is the k-th of n steps that are known. */
  readonly step?: { readonly k: number; readonly n: number; readonly name: string } | undefined;
  /** Steps that are done, in their order. */
  readonly steps: readonly string[];
  readonly current?:
    | { readonly step: string; readonly what: string; readonly done: number; readonly total: number }
    | undefined;
  /** On validation data, as far as it is measured. */
  readonly measured: { readonly aligned?: Measured; readonly tuned?: Measured };
  readonly candidates: readonly MeasuredCandidate[];
  /** Of a search, in place of candidates: what it has found, on the set that is searched by. */
  readonly search?: Pick<SearchFront, "margin" | "points"> | undefined;
}
