// Each fused operation as a composition of ordinary TensorFlow.js ops: what engines without kernels of their own run, what
// the kernels are tested against, and, called as plain functions, what gradients flow through. Attention is in attend.ts.

import { add, concat, div, gather, mul, type Tensor2D, tanh, tensor1d } from "../tensorflowCore.js";
import { activate } from "./activate.js";
import type { EmbedAttributes, HeadAttributes, MlpAttributes, OutputAttributes, ProjectAttributes } from "./kernels.js";
import { normalise } from "./norm.js";

/** -> [rows, hidden] */
export function embed({ spec, rows, runtime }: EmbedAttributes): Tensor2D {
  const found = runtime.gather(spec.table, rows.ids, rows.variants);
  const scaled = spec.scale === 1 ? found : mul<Tensor2D>(found, spec.scale);
  return spec.positions ? add(scaled, runtime.gather(spec.positions, rows.positions, rows.variants)) : scaled;
}

/** x [rows, hidden] -> [rows, sum of out] */
export function project(x: Tensor2D, { spec, rows, runtime }: ProjectAttributes): Tensor2D {
  const input = spec.norm ? normalise(x, spec.norm, runtime, rows.variants) : x;
  const results = spec.matrices.map((matrix) => runtime.linear(input, matrix, rows.variants));
  return results.length === 1 ? (results[0] as Tensor2D) : concat(results, 1);
}

/** x [rows, in], residual [rows, hidden] -> [rows, hidden] */
export function output(x: Tensor2D, residual: Tensor2D, { spec, rows, runtime }: OutputAttributes): Tensor2D {
  const y = runtime.linear(x, spec.matrix, rows.variants);
  return add(residual, spec.postNorm ? normalise(y, spec.postNorm, runtime, rows.variants) : y);
}

/** x [rows, hidden] -> [rows, hidden] */
export function mlp(x: Tensor2D, { spec, rows, runtime }: MlpAttributes): Tensor2D {
  const input = normalise(x, spec.norm, runtime, rows.variants);
  const up = runtime.linear(input, spec.up, rows.variants);
  const inner = spec.gate
    ? mul<Tensor2D>(activate(runtime.linear(input, spec.gate, rows.variants), spec.activation), up)
    : activate(up, spec.activation);
  const y = runtime.linear(inner, spec.down, rows.variants);
  return add(x, spec.postNorm ? normalise(y, spec.postNorm, runtime, rows.variants) : y);
}

/** x [rows, hidden] -> [wanted, vocabulary] */
export function head(x: Tensor2D, { spec, rows, wanted, runtime }: HeadAttributes): Tensor2D {
  const all = wanted.length === rows.ids.length && wanted.every((row, i) => row === i);
  const chosen = all ? x : gather(x, tensor1d(wanted, "int32"));
  const variants = all ? rows.variants : wanted.map((row) => rows.variants[row] as number);
  const logits = runtime.linear(normalise(chosen, spec.norm, runtime, variants), spec.matrix, variants);
  return spec.softcap === undefined ? logits : mul(tanh(div(logits, spec.softcap)), spec.softcap);
}
