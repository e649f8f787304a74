// A step through a decoder's layers, with the operations as kernels or as plain functions.

import { type Tensor2D, tidy } from "../tensorflowCore.js";
import {
  type AttendAttributes,
  type EmbedAttributes,
  type HeadAttributes,
  type MlpAttributes,
  type OutputAttributes,
  type ProjectAttributes,
  runAttend,
  runEmbed,
  runHead,
  runMlp,
  runOutput,
  runProject,
} from "./kernels.js";
import type { Runtime } from "./runtime.js";
import type { Cache, Rows, StepSpec } from "./specs.js";

/** The operations; shapes as in kernels.ts. */
export interface Operations {
  embed(attributes: EmbedAttributes): Tensor2D;
  project(x: Tensor2D, attributes: ProjectAttributes): Tensor2D;
  attend(x: Tensor2D, attributes: AttendAttributes): Tensor2D;
  output(x: Tensor2D, residual: Tensor2D, attributes: OutputAttributes): Tensor2D;
  mlp(x: Tensor2D, attributes: MlpAttributes): Tensor2D;
  head(x: Tensor2D, attributes: HeadAttributes): Tensor2D;
}

/** The current backend's kernels: the fastest way forward, and none backward. */
export const KERNEL_OPERATIONS: Operations = {
  embed: runEmbed,
  project: runProject,
  attend: runAttend,
  output: runOutput,
  mlp: runMlp,
  head: runHead,
};

export interface StepThrough {
  readonly spec: StepSpec;
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
    // What a layer makes on the way is freed before the next one runs.
    x = tidy(() => {
      const projected = operations.project(before, { spec: layer.project, rows, runtime });
      const attended = operations.attend(projected, { spec: layer.attend, rows, cache, runtime });
      const y = operations.output(attended, before, { spec: layer.output, rows, runtime });
      return operations.mlp(y, { spec: layer.mlp, rows, runtime });
    });
    before.dispose();
  }
  return x;
}
