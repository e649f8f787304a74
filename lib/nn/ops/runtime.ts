// What the operations ask of whatever computes: products with stored weights, small weights as tensors, rows of tables,
// a cache. One implementation an engine, and one for training, whose `linear` adds low-rank terms.

import type { Tensor, Tensor2D } from "@tensorflow/tfjs-core";
import type { Cache, CacheShape, Matrix, Rows, StepSpec, Weight } from "./specs.js";

/**
 * An engine's side of the operations. Everything is synchronous. `variants` says which lambda of a virtual merge each row
 * belongs to; without it, all rows are variant 0.
 */
export interface Runtime {
  /** y = x W^T + bias: [rows, in] -> [rows, out]. The caller owns the result. */
  linear(x: Tensor2D, matrix: Matrix, variants?: Int32Array): Tensor2D;
  /**
   * A one-dimensional weight of n elements as float32: [n] where it is the same for all rows, else [rows, n]. It belongs to
   * the runtime (`tf.keep`): tidy leaves it alone, and callers never dispose it.
   */
  vector(weight: Weight, variants?: Int32Array): Tensor;
  /** Rows of a [entries, width] weight as float32, [ids, width]. Ids are within the table. The caller owns the result. */
  gather(table: Weight, ids: Int32Array, variants?: Int32Array): Tensor2D;
  createCache(shape: CacheShape): Cache;
  /**
   * A whole step in one call, where the engine has that; else it goes through the kernels. Logits of the rows that `wanted`
   * lists, [wanted x vocabulary]: the runtime's own array, valid until its next call.
   */
  step?(spec: StepSpec, rows: Rows, cache: Cache, wanted: Int32Array): Float32Array;
  /** Frees weights; the runtime is of no use afterwards. Calling it twice does nothing. */
  dispose(): void;
}
