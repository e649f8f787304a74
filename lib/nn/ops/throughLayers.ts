// A step through a decoder's layers, with the operations as kernels or as plain functions.

import { type Tensor2D, tidy } from "../tensorflowCore.js";
import {
  type AttendAttributes,
  type EmbedAttributes,
  type HeadAttributes,
  type LayerAttributes,
  type MlpAttributes,
  type OutputAttributes,
  type ProjectAttributes,
  runAttend,
  runEmbed,
  runHead,
  runLayer,
  runMlp,
  runOutput,
  runProject,
} from "./kernels.js";
import type { Runtime } from "./runtime.js";
import type { Cache, DecoderSpec, Rows } from "./specs.js";

/** The operations; shapes as in kernels.ts. */
export interface Operations {
  embed(attributes: EmbedAttributes): Tensor2D;
  project(x: Tensor2D, attributes: ProjectAttributes): Tensor2D;
  attend(x: Tensor2D, attributes: AttendAttributes): Tensor2D;
  output(x: Tensor2D, residual: Tensor2D, attributes: OutputAttributes): Tensor2D;
  mlp(x: Tensor2D, attributes: MlpAttributes): Tensor2D;
  /** The four of a layer in one call, where that is less work. */
  layer?(x: Tensor2D, attributes: LayerAttributes): Tensor2D;
  head(x: Tensor2D, attributes: HeadAttributes): Tensor2D;
}

/** The current backend's kernels: the fastest way forward, and none backward. */
export const KERNEL_OPERATIONS: Operations = {
  embed: runEmbed,
  project: runProject,
  attend: runAttend,
  output: runOutput,
  mlp: runMlp,
  layer: runLayer,
  head: runHead,
};

export interface StepThrough {
  readonly spec: DecoderSpec;
  readonly rows: Rows;
  readonly cache: Cache;
  readonly runtime: Runtime;
  readonly operations: Operations;
  /** Shown what enters each layer, [rows, hidden]. */
  readonly onInput?: ((x: Tensor2D) => void) | undefined;
}

/**
 * [rows, hidden] after the last layer, before the head. Call it inside a tidy. With compositions as `operations`,
 * gradients flow through all of it.
 */
export function throughLayers({ spec, rows, cache, runtime, operations, onInput }: StepThrough): Tensor2D {
  let x = operations.embed({ spec: spec.embed, rows, runtime });
  for (const layer of spec.layers) {
    onInput?.(x);
    const before = x;
    const attributes = { spec: layer, rows, cache, runtime };
    x = operations.layer ? operations.layer(before, attributes) : throughLayer(before, operations, attributes);
    before.dispose();
  }
  return x;
}

/** One layer, operation by operation: what it makes on the way is freed before the next one runs. */
export function throughLayer(
  x: Tensor2D,
  operations: Operations,
  { spec, rows, cache, runtime }: LayerAttributes,
): Tensor2D {
  return tidy(() => {
    const projected = operations.project(x, { spec: spec.project, rows, runtime });
    const attended = operations.attend(projected, { spec: spec.attend, rows, cache, runtime });
    const y = operations.output(attended, x, { spec: spec.output, rows, runtime });
    return operations.mlp(y, { spec: spec.mlp, rows, runtime });
  });
}
