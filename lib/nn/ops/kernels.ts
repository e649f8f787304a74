// The fused operations as kernels of TensorFlow.js's engine: their names, inputs and attributes, and how they are called.
// Which one runs depends on the current backend: a composition of ordinary ops (compositions.ts) or a native kernel.

import { engine, type NamedAttrMap, type Tensor2D } from "../tensorflowCore.js";
import type { Runtime } from "./runtime.js";
import type { AttendSpec, Cache, EmbedSpec, HeadSpec, MlpSpec, OutputSpec, ProjectSpec, Rows } from "./specs.js";

export const KERNELS = {
  embed: "RetemperEmbed",
  project: "RetemperProject",
  attend: "RetemperAttend",
  output: "RetemperOutput",
  mlp: "RetemperMlp",
  head: "RetemperHead",
} as const;

/** Attributes of every kernel: what to compute, for which rows, by whom. */
export interface KernelAttributes<Spec> {
  readonly spec: Spec;
  readonly rows: Rows;
  readonly runtime: Runtime;
}

export type EmbedAttributes = KernelAttributes<EmbedSpec>;
export type ProjectAttributes = KernelAttributes<ProjectSpec>;
export interface AttendAttributes extends KernelAttributes<AttendSpec> {
  readonly cache: Cache;
}
export type OutputAttributes = KernelAttributes<OutputSpec>;
export type MlpAttributes = KernelAttributes<MlpSpec>;
export interface HeadAttributes extends KernelAttributes<HeadSpec> {
  /** Indices of the rows to compute, ascending or not. */
  readonly wanted: Int32Array;
}

/** No inputs -> [rows, hidden]. */
export function runEmbed(attributes: EmbedAttributes): Tensor2D {
  return run(KERNELS.embed, {}, attributes);
}

/** x [rows, hidden] -> [rows, sum of out]. */
export function runProject(x: Tensor2D, attributes: ProjectAttributes): Tensor2D {
  return run(KERNELS.project, { x }, attributes);
}

/** x [rows, (heads + 2 kvHeads) * headDim] -> [rows, heads * headDim]; appends to the cache. */
export function runAttend(x: Tensor2D, attributes: AttendAttributes): Tensor2D {
  return run(KERNELS.attend, { x }, attributes);
}

/** x [rows, in], residual [rows, hidden] -> [rows, hidden]. */
export function runOutput(x: Tensor2D, residual: Tensor2D, attributes: OutputAttributes): Tensor2D {
  return run(KERNELS.output, { x, residual }, attributes);
}

/** x [rows, hidden], which is also the residual -> [rows, hidden]. */
export function runMlp(x: Tensor2D, attributes: MlpAttributes): Tensor2D {
  return run(KERNELS.mlp, { x }, attributes);
}

/** x [rows, hidden] -> [wanted, vocabulary]. */
export function runHead(x: Tensor2D, attributes: HeadAttributes): Tensor2D {
  return run(KERNELS.head, { x }, attributes);
}

function run(kernel: string, inputs: Readonly<Record<string, Tensor2D>>, attributes: object): Tensor2D {
  // TensorFlow.js hands attributes on as they are; its type for them only knows what a saved graph can hold
  return engine().runKernel(kernel, inputs, attributes as unknown as NamedAttrMap);
}
