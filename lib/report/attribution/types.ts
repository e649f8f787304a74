// Where a tuning's losses and gains lie: the shape of attribution.json.

import type { Labels, Quantity } from "../../select/types.js";

export const ATTRIBUTION_FORMAT = "retemper-attribution/1";

/** Tensors that are restored together. */
export interface AttributedGroup {
  /** For people: "layer 0 attention". */
  readonly name: string;
  readonly layer?: number | undefined;
  /** Of a layer, what the group has of it: "attention", "mlp", "layer" for both; the tensor's name in the layer where each is one. */
  readonly module?: string | undefined;
  /** What the names of its tensors hold, as mergekit's filters look for it; of the group of all else none. */
  readonly filters: readonly string[];
}

/** A difference with its 95 % interval over the items, for these very tunings. */
export interface AttributedDifference {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The fine-tuned model with one group taken back to the aligned one. */
export interface RestoredGroup {
  readonly asr: Quantity;
  readonly score: Quantity;
  /** Of the restored minus the fine-tuned model, on the same items. */
  readonly asrChange: AttributedDifference;
  readonly scoreChange: AttributedDifference;
}

/** Derivatives of losses by the group's coefficient; means over the tunings. */
export interface GroupGradients {
  /** Of the aligned model's own answers to unsafe requests, at the fine-tuned model: above 0 the change makes them less likely. */
  readonly refusals: number;
  /** Of the fine-tuned model's own answers to the task, at the aligned model: below 0 the change makes them likelier. */
  readonly task: number;
}

/** Spearman's rank correlation between two ways to attribute, over the groups. */
export interface AttributionAgreement {
  readonly of: "refusals" | "task";
  readonly a: string;
  readonly b: string;
  /** undefined where one says the same of all groups. */
  readonly correlation: number | undefined;
  readonly groups: number;
}

/** Gradients of one tensor of the layers; means over the tunings. */
export interface TensorGradients extends GroupGradients {
  readonly layer: number;
  readonly module: string;
}

export interface AttributionResults {
  readonly format: typeof ATTRIBUTION_FORMAT;
  readonly name: string;
  readonly labels: Labels;
  /** Of the score. */
  readonly better: "high" | "low";
  readonly seeds: readonly string[];
  readonly aligned: { readonly asr: Quantity; readonly score: Quantity };
  readonly tuned: { readonly asr: Quantity; readonly score: Quantity };
  readonly groups: readonly AttributedGroup[];
  /** One a group, in their order. */
  readonly restored: readonly RestoredGroup[];
  /** One a group; absent where they were not asked for. */
  readonly gradients?: readonly GroupGradients[] | undefined;
  readonly tensors?: readonly TensorGradients[] | undefined;
  /**
   * One a group, where the experiment has an unaligned model: the mean of its modules' rho, which is how much of the direction of a change
   * Safe LoRA's projection on what aligned the model leaves; null where no module of it is judged.
   */
  readonly rhos?: readonly (number | null)[] | undefined;
  readonly agreement: readonly AttributionAgreement[];
  readonly notes: readonly string[];
}
