// What an adapter out of a merge is made of: its tensors, planned, with where their values come from.

import type { StoredTensor } from "../../checkpoint/types.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterBase } from "./adapterBase.js";
import type { Term } from "./tensorChange.js";

/** A product of thin matrices that is added to a tensor of the base. */
export interface LowRankTensor {
  readonly name: string;
  /** The base's tensor's. */
  readonly shape: readonly number[];
  /** PEFT's name of the module. */
  readonly module: string;
  readonly isEmbedding: boolean;
  /** The base stores the product's transpose. */
  readonly transposed: boolean;
  /** What is joined. Undefined: the change is computed as a matrix and approximated. */
  readonly terms: readonly Term[] | undefined;
  readonly draft: DraftTensor;
  readonly source: number | undefined;
}

/** A tensor that is kept whole. */
export interface WholeTensor {
  readonly draft: DraftTensor;
  readonly source: number | undefined;
  /** In the running model; a tied embedding is the head's too. */
  readonly targets: readonly string[];
  /** The base's tensor: what has its values is left out. */
  readonly stored: StoredTensor | undefined;
}

export interface AdapterPlan {
  readonly base: AdapterBase;
  /** The files of the merge's plan, by its numbers. */
  readonly files: InputFiles;
  readonly lowRank: readonly LowRankTensor[];
  readonly whole: readonly WholeTensor[];
}
