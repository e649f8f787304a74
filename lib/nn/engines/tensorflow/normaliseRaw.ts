// Normalisation by number, as ops/norm.ts has it.

import type { Norm } from "../../ops/specs.js";
import type { RawTensor } from "./rawOps.js";
import type { TensorflowRuntime } from "./tensorflowRuntime.js";

/** Normalises the last dimension of x, [rows, n] or [rows, heads, n]. */
export function normalise(x: RawTensor, norm: Norm, runtime: TensorflowRuntime): RawTensor {
  const { ops } = runtime;
  const centred = norm.kind === "layer" ? ops.binary("Sub", x, ops.mean(x)) : x;
  const variance = ops.binary("AddV2", ops.mean(ops.unary("Square", centred)), norm.epsilon);
  const scaled = ops.binary("Mul", centred, ops.unary("Rsqrt", variance));
  const weighted = ops.binary("Mul", scaled, runtime.gain(norm));
  return norm.bias ? ops.binary("AddV2", weighted, ops.borrow(runtime.vector(norm.bias))) : weighted;
}
