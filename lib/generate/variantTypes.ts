// Which of the models that one opening has: the lambdas, weights and variants of a virtual merge.

import type { ModelWeights } from "../recipe/modelWeights.js";

export type { ModelWeights };

/** Which model of those that one opening has: by its lambda, by its models' weights, or by its place among the variants. */
export interface WhichVariant {
  readonly lambda?: number | undefined;
  /** By the names of `facts.weightNames`; those that are not named have weight 0. */
  readonly weights?: ModelWeights | undefined;
  readonly variant?: number | undefined;
}

/** Those of a call. */
export interface ChosenVariants {
  /**
   * Of a merge that is open: every prompt with every one of these, whether the model was opened with them or not, within
   * `facts.lambdaRange`. By default all of the model's `lambdas`.
   */
  readonly lambda?: number | readonly number[] | undefined;
  /**
   * In place of lambda, where a recipe's models have a weight each (`facts.weightNames`): these weights, the same for all layers.
   * A model that is not named has weight 0.
   */
  readonly weights?: ModelWeights | readonly ModelWeights[] | undefined;
  /** Likewise of a model opened with `variants`: their places in that list. */
  readonly variant?: number | readonly number[] | undefined;
}

/** The adapters that a model was opened with, by where they lie. */
export interface AdapterFolder {
  /** The model that they change. */
  readonly base: string;
  /** Real path of the folder that they lie below. */
  readonly path: string;
  /** What `weights` calls each, by the real path of its folder. */
  readonly names: ReadonlyMap<string, string>;
}
