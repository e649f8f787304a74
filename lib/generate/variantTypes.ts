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

/** The adapters of a model that lie below one folder. */
export interface AdapterFolder {
  /** The model that they change. */
  readonly base: string;
  /** Real path of the folder that they lie below. */
  readonly path: string;
  /** What `weights` calls those that are open, by the real path of their folders. */
  readonly names: ReadonlyMap<string, string>;
  /**
   * What `weights` calls an adapter, which is opened if it is not yet: it may have come since the model was opened.
   * @param path of its folder; relative ones begin at `path`
   * @returns its name and its real path; undefined where no adapter lies there whose files are all below `path`
   * @throws RetemperError USAGE for more adapters than may be open; what `Model.addAdapter` throws
   */
  open(path: string): Promise<{ readonly name: string; readonly path: string } | undefined>;
}
