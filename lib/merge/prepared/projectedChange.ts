// The change of a module as the projection on V = A - U leaves it.

import type { StoredTensor } from "../../checkpoint/types.js";

/** What becomes of the change of one matrix of a layer. */
export interface ProjectedChange {
  /** The aligned model's tensor. */
  readonly weight: StoredTensor;
  /** Of C D and D, rounded to five digits as Safe LoRA's own code does. */
  readonly rho: number;
  /** False where A and U are the same but for next to nothing: there is no direction to project on. */
  readonly judged: boolean;
  /** Of an adapter's module: reads C B. */
  readonly projected?: () => Promise<Float32Array>;
  /** Of an adapter's module: B. */
  readonly b?: StoredTensor;
}
