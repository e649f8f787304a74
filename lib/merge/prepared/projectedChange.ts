// The change of a module as the projection on V = A - U leaves it.

import type { StoredTensor } from "../../checkpoint/types.js";
import type { DraftTensor } from "../../plan/tensors.js";

/** What becomes of the change of one matrix of a layer. */
export interface ProjectedChange {
  /** The aligned model's tensor. */
  readonly weight: StoredTensor;
  /** A - U as it is planned: its first source is the matrix of A, with A's adapter where it has one. */
  readonly aligning: DraftTensor;
  /** Of C D and D, rounded to five digits as Safe LoRA's own code does. */
  readonly rho: number;
  /** False where A and U are the same but for next to nothing: there is no direction to project on. */
  readonly judged: boolean;
  /** Of an adapter's module: reads C B. */
  readonly projected?: () => Promise<Float32Array>;
  /** Of a whole model's: where C D lies in the scratch file, as the weight is stored. */
  readonly offset?: number;
  /** Of an adapter's module: B. */
  readonly b?: StoredTensor;
}
