// study.json: what a study measured, each value by its item, so that studies can be pooled. It holds no prompt and no answer.

import type { ControlComparison, DataParts, ExperimentResults, FormInShort, ItemName } from "../../report/types.js";
import type { Candidate, Labels, SelectionRule, SelectionTable, VariedParameter } from "../../select/types.js";
import type { JudgeCalibration } from "../../statistics/correctedRate.js";

export const STUDY_FORMAT = "retemper-study/1";

/** What an item is for; `selected` are those of sets that were selected by the aligned model's own answers. */
export const KINDS: readonly ItemKind[] = ["safety", "overRefusal", "task", "selected", "skills"];

/** What the items of a table were asked for; `selected` of sets that the aligned model's own answers selected. */
export type ItemKind = "safety" | "overRefusal" | "task" | "selected" | "skills";

export interface StudyItem extends ItemName {
  /** Where items do not count the same: its share of the mean, and its group. */
  readonly weight?: number | undefined;
  readonly group?: number | undefined;
}

/** What one tuning's model, or one merge of it, got on each item; null where it was not asked, or has no verdict. */
export interface StudyRow {
  /** With the number of the mask where there are several; "all" for models of no tuning, and of all. */
  readonly seed: string;
  readonly tuning: string;
  readonly values: Readonly<Record<ItemKind, readonly (number | null)[]>>;
}

export interface StudyModel {
  readonly role: "aligned" | "unaligned" | "tuned" | "merge";
  readonly method?: string | undefined;
  readonly lambda?: number | undefined;
  readonly parameters?: Readonly<Record<string, number | string | boolean>> | undefined;
  /** Of a merge of a series over a parameter. */
  readonly varied?: VariedParameter | undefined;
  /** Of a merge of several tunings: their seeds. */
  readonly of?: readonly string[] | undefined;
  /** Not all items were asked, because it could not be chosen; "screened": none was, by its proxies. */
  readonly unfinished?: Candidate["unfinished"];
  readonly rows: readonly StudyRow[];
  /** Shares of the answers to the safety sets that were cut off, and that are empty. */
  readonly truncated?: number | undefined;
  readonly empty?: number | undefined;
}

/** The items that choose, or those that confirm, with all models that were asked them. */
export interface StudyPart {
  readonly items: Readonly<Record<ItemKind, readonly StudyItem[]>>;
  readonly models: readonly StudyModel[];
}

/** One task with one model. */
export interface StudyCell {
  readonly task: string;
  readonly model: string;
  readonly labels: Labels;
  readonly testLabels: Labels;
  readonly better: "high" | "low";
  /** All that must be the same where two are pooled, by name. */
  readonly agreement: Readonly<Record<string, unknown>>;
  readonly rule: SelectionRule;
  readonly calibration?: JudgeCalibration | undefined;
  /** Directions of the skills; absent where there are none. */
  readonly skills?: SelectionTable["skills"];
  readonly split: boolean;
  /** The tuned models, by the seed of their tuning. */
  readonly tunings: readonly { readonly seed: string; readonly digest: string }[];
  readonly data: ExperimentResults["provenance"]["data"];
  readonly validation: StudyPart;
  readonly test: StudyPart;
  /** The choice beside each control, as the experiment compared them; not of values that could be pooled. */
  readonly controls?: readonly ControlComparison[] | undefined;
  /** The forms in which the experiment ships its choice, in its order; not of pooled studies, whose choice is another one. */
  readonly ship?: readonly FormInShort[] | undefined;
}

export interface StudyResults {
  readonly format: typeof STUDY_FORMAT;
  readonly name: string;
  /** Of retemper, that measured it. */
  readonly versions: readonly string[];
  readonly cells: readonly StudyCell[];
  /** What was left out when studies were pooled. */
  readonly notes: readonly string[];
}

/** How many items of each kind chose and confirmed. */
export function partsOf({ split, validation, test }: StudyCell): DataParts {
  const counts = ({ items }: StudyPart) => ({ safety: items.safety.length, task: items.task.length });
  const selected = [...new Set([...validation.items.selected, ...test.items.selected].map(({ set }) => set))];
  return { split, selected, validation: counts(validation), test: counts(test) };
}
