// The tokens of a draw, between the steps that narrow them.

/**
 * Tokens that may be drawn, in the order of their ids, and for each its probability times `total`. The arrays are longer,
 * shared by all draws of a thread, and valid until the next one.
 */
export interface Candidates {
  readonly ids: Int32Array;
  readonly weights: Float64Array;
  count: number;
  total: number;
}
