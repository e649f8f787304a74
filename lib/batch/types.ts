// What a batch is given and what it answers.

import type { RetemperError } from "../errors.js";
import type { MergeOptions, MergeProgress } from "../merge/options.js";
import type { Estimate } from "../plan/estimate.js";
import type { Recipe } from "../recipe/types.js";

/** Options that an entry may set for itself; the same names and meanings as those of `merge`. */
export type EntryOptions = Pick<
  MergeOptions,
  | "seed"
  | "outShardSize"
  | "unsafeTruncateEmbeddings"
  | "loraMergeDtype"
  | "lambda"
  | "format"
  | "quantise"
  | "lenient"
  | "copyTokenizer"
  | "writeModelCard"
  | "trustRemoteCode"
  | "failOnNonfinite"
  | "hashInputs"
>;

/** One merge of a batch. */
export interface BatchEntry {
  /** Path of a recipe, its text, an object, or a list of objects with names: the stages of one recipe. */
  readonly recipe: string | Recipe | readonly Recipe[];
  /** Output folder; relative to `BatchOptions.out`. */
  readonly out: string;
  readonly options?: EntryOptions | undefined;
}

/** Options of all merges of a batch; an entry's own come first. */
export interface BatchOptions extends Omit<MergeOptions, "lambda" | "onProgress" | "models"> {
  /**
   * Folder that the entries' outputs are relative to; default: the working directory. Where the batch is one recipe: its
   * output folder.
   */
  readonly out?: string | undefined;
  /** Merges at the same time. They share `threads` and `maxMemory`. Default 1. */
  readonly jobs?: number | undefined;
  /** Start nothing more after a failure. Default: go on with the others. */
  readonly failFast?: boolean | undefined;
  /** Do only one part of the entries: the part `index` (from 0) of `count`. */
  readonly partition?: { readonly index: number; readonly count: number } | undefined;
  /** Where results of stages are written, to be kept. Default: beside the output, until it is complete. */
  readonly intermediateDir?: string | undefined;
  readonly onProgress?: ((progress: BatchProgress) => void) | undefined;
  /** Called for each entry when it is done, in the order in which they end. */
  readonly onEntry?: ((result: BatchEntryResult) => void) | undefined;
}

/** Progress of one of the merges that are running. */
export interface BatchProgress extends MergeProgress {
  /** Output of the merge: an entry's, or that of a stage. */
  readonly out: string;
  /** Entries that are done, and all that this run looks at. */
  readonly finished: number;
  readonly entries: number;
}

/**
 * made: merged now. skipped: complete already, and what the merge would write. failed: see `error`. blocked: an entry that
 * it needs failed. notRun: left out after a failure (`failFast`).
 */
export type EntryStatus = "made" | "skipped" | "failed" | "blocked" | "notRun";

export interface StageResult {
  readonly name: string;
  readonly out: string;
  /** notNeeded: the final output was complete. */
  readonly status: "made" | "reused" | "notNeeded" | "failed" | "notRun";
}

export interface BatchEntryResult {
  /** Place in the manifest, from 0. */
  readonly index: number;
  /** Absolute path of the output folder. */
  readonly out: string;
  /** Path of the recipe's file; undefined for one that stands in the manifest. */
  readonly recipe: string | undefined;
  readonly status: EntryStatus;
  /** Why it failed; for `blocked`, which entry it waited for. */
  readonly error?: RetemperError | undefined;
  /** Of the entry and of the stages that were made for it. */
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly warnings: readonly string[];
  /** In the order in which they are needed. */
  readonly stages: readonly StageResult[];
}

export interface BatchReport {
  /** Those of this partition, in the order of the manifest. */
  readonly entries: readonly BatchEntryResult[];
  readonly counts: Readonly<Record<EntryStatus, number>>;
  /** The failure of the first entry that failed, in the order of the manifest; undefined when none did. */
  readonly firstError: RetemperError | undefined;
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly partition: { readonly index: number; readonly count: number };
}

export interface PlannedStage {
  readonly name: string;
  readonly out: string;
  /** notNeeded: the final output is complete. notRun: the entry cannot be made. */
  readonly status: "complete" | "toMake" | "failed" | "notNeeded" | "notRun";
}

/** What a batch would do with one entry. */
export interface PlannedEntry {
  /** Place in the manifest, from 0. */
  readonly index: number;
  /** Absolute path of the output folder. */
  readonly out: string;
  /** Path of the recipe's file; undefined for one that stands in the manifest. */
  readonly recipe: string | undefined;
  /** complete: would be skipped. failed: cannot be made, `error` says why. */
  readonly status: "complete" | "toMake" | "failed";
  readonly error?: RetemperError | undefined;
  /** Of the entry alone, if it would be made; missing where its models are outputs that are not there yet. */
  readonly estimate?: Estimate | undefined;
  /** In the order in which they are needed. */
  readonly stages: readonly PlannedStage[];
  readonly warnings: readonly string[];
}

/** What a batch would do; nothing of a tensor was read. */
export interface BatchPlan {
  /** Those of this partition, in the order of the manifest. */
  readonly entries: readonly PlannedEntry[];
  readonly counts: Readonly<Record<PlannedEntry["status"], number>>;
  /** The error of the first entry that cannot be made. */
  readonly firstError: RetemperError | undefined;
  /** Merges that would run and are in no sum: their models are outputs that are not there yet. */
  readonly unknown: number;
  /** Of all merges that would run, stages among them. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly diskNeeded: number;
  readonly partition: { readonly index: number; readonly count: number };
}
