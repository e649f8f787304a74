// What a plan is made from, and what is found wrong or left over while it is made.

import type { Dtype } from "../addon/dtype.js";
import type { Checkpoint } from "../checkpoint/types.js";
import type { ParsedRecipe } from "../recipe/types.js";
import type { InputFiles } from "./inputFiles.js";

/** How the rows of the embeddings are put together when the vocabulary changes. */
export interface VocabularyPlan {
  /** Rows of the output's embeddings. */
  readonly size: number;
  /** By model reference text; a model that is absent here keeps its rows as they are. */
  readonly gathers: ReadonlyMap<string, VocabularyGather>;
}

/** Row j = mean of models[part[k]] row[k] over k in [start[j], start[j+1]); `meanRows` rows follow, the mean of all. */
export interface VocabularyGather {
  /** Model reference texts; `part` indexes into them. */
  readonly models: readonly string[];
  readonly start: Uint32Array;
  readonly part: Uint32Array;
  readonly row: Uint32Array;
  readonly meanRows: number;
}

export interface PlanRequest {
  readonly recipe: ParsedRecipe;
  /** By model reference text: every model of the recipe, opened. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
  readonly vocabulary?: VocabularyPlan | undefined;
  /** Cut embeddings of different heights to their common rows. */
  readonly unsafeTruncateEmbeddings?: boolean | undefined;
  /** Round base + adapter to this dtype before the merge. */
  readonly loraMergeDtype?: Dtype | undefined;
  readonly outShardSize?: number | undefined;
  /** Shared by the plans of a sweep, so that they number their input files alike. */
  readonly files?: InputFiles | undefined;
}

/** A tensor of an input that the output does not use, and why. */
export interface UnmatchedTensor {
  readonly model: string;
  readonly tensor: string;
  readonly reason: string;
}
