// What a training needs of an engine: a decoder's parts as functions that gradients flow through, and an optimiser.

import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { Rows } from "../../nn/ops/specs.js";
import type { Parameter, RowNorms } from "../adapter/terms.js";
import type { Batch } from "../data/example.js";
import type { AdamSettings, Optimized, Optimizer } from "./adamW.js";

/** The parts of a decoder as functions that gradients flow through. */
export interface TrainingOperations {
  /** [rows, hidden] */
  embed(rows: Rows): Tensor2D;
  /** x [rows, hidden] -> [rows, hidden]. `isTaped`: gradients through it will be asked for. */
  layer(x: Tensor2D, index: number, rows: Rows, isTaped: boolean): Tensor2D;
  /**
   * The sum of -log p(target) over the wanted rows of x [rows, hidden], and `weight` times its gradient (none where the
   * weight is 0).
   */
  loss(x: Tensor2D, batch: Batch, weight: number): Loss;
  /** Frees what `layer` kept beside its result: called once gradients through it have been taken. */
  release(): void;
  /** Takes up parameters that the optimiser changed. */
  refresh(): void;
  optimizer(parameters: readonly Optimized[], settings: AdamSettings): Optimizer;
  /** Whether `loss` may run while a tape is on. */
  readonly onTape: boolean;
  /** Whether `layer` adds parameters' gradients by itself, on the way back, instead of having variables. */
  readonly addsGradients: boolean;
}

/** A type and no interface: what `tidy` gives back must have an index. */
export type Loss = { sum: number; gradient?: Tensor2D };

/** Gradients of all parameters, summed over micro-batches. */
export type Gradients = ReadonlyMap<Parameter, Float32Array | Float64Array>;

/** What operations are given when they are made. */
export interface TrainingHooks {
  /** Where gradients are summed. */
  readonly gradients: Gradients;
  readonly norms: RowNorms;
  /** That any micro-batch may have. */
  readonly mostRows: number;
  /** Called before each layer's operations, forward and back: throws to end the training. */
  readonly checkStop: () => void;
}
