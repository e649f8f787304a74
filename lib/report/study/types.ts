// What a study's report shows: each task with each model, measured, chosen and compared.

import type { Confirmation, Quantity, Selection, SelectionTable, ShareKept } from "../../select/types.js";
import type {
  ControlComparison,
  DataParts,
  ExperimentResults,
  FormInShort,
  Measured,
  MeasuredCandidate,
} from "../types.js";

/** Also by safety set, where there are several. */
export interface BySet {
  readonly sets: Readonly<Record<string, Quantity>>;
}

/** A difference of two models on the same items, with its 95 % interval over items. */
export interface StudyDifference {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface StudyViewCell {
  readonly task: string;
  readonly model: string;
  readonly labels: ExperimentResults["labels"];
  readonly testLabels: ExperimentResults["labels"];
  readonly parts: DataParts;
  /** Seeds of the tunings. */
  readonly seeds: readonly string[];
  /** Names of the safety sets. */
  readonly safetySets: readonly string[];
  readonly validation: {
    readonly better: "high" | "low";
    readonly skills?: SelectionTable["skills"];
    readonly aligned: Measured & BySet;
    readonly unaligned?: (Measured & BySet) | undefined;
    readonly tuned: Measured & BySet;
    readonly candidates: readonly (MeasuredCandidate & BySet)[];
  };
  readonly selection: Selection;
  readonly test: {
    readonly better: "high" | "low";
    readonly skills?: SelectionTable["skills"];
    readonly aligned: Measured & BySet;
    readonly unaligned?: (Measured & BySet) | undefined;
    readonly tuned: Measured & BySet;
    readonly chosen: readonly (MeasuredCandidate & BySet)[];
  };
  /** The choice on the test data; absent where nothing was chosen, or the choice was not measured there for all tunings. */
  readonly merged?: (MeasuredCandidate & BySet) | undefined;
  readonly confirmation?: Confirmation | undefined;
  readonly kept?: ShareKept | undefined;
  /** Of attack success rates on the test data: merged - fine-tuned, and merged - aligned. */
  readonly saved?: StudyDifference | undefined;
  readonly above?: StudyDifference | undefined;
  /** The choice beside other ways to change less, at its own score. */
  readonly controls?: readonly ControlComparison[] | undefined;
  /** The forms in which the choice ships. */
  readonly ship?: readonly FormInShort[] | undefined;
  readonly data: ExperimentResults["provenance"]["data"];
  readonly digests: readonly { readonly role: string; readonly digest: string }[];
}

export interface StudyView {
  readonly name: string;
  readonly versions: readonly string[];
  readonly cells: readonly StudyViewCell[];
  readonly notes: readonly string[];
}
