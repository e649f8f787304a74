// Root mean square and layer normalisation as ordinary ops.

import { add, mean, mul, reshape, rsqrt, square, sub, type Tensor } from "../tensorflowCore.js";
import type { Runtime } from "./runtime.js";
import type { Norm, Weight } from "./specs.js";

/**
 * Normalises the last dimension of x, [rows, n] or [rows, heads, n].
 * rms: x / sqrt(mean(x^2) + epsilon) * w (Zhang and Sennrich 2019); layer: the same of x - mean(x), plus a bias (Ba et al. 2016).
 */
export function normalise<T extends Tensor>(x: T, norm: Norm, runtime: Runtime, variants?: Int32Array): T {
  const centred = norm.kind === "layer" ? sub(x, mean(x, -1, true)) : x;
  const scaled = mul(centred, rsqrt(add(mean(square(centred), -1, true), norm.epsilon)));
  const stored = perRow(norm.weight, x.rank, runtime, variants);
  const weighted = mul(scaled, norm.plusOne ? add(stored, 1) : stored);
  return (norm.bias ? add(weighted, perRow(norm.bias, x.rank, runtime, variants)) : weighted) as T;
}

/** The weight so that it broadcasts over [rows, n] or [rows, heads, n]. */
function perRow(weight: Weight, rank: number, runtime: Runtime, variants: Int32Array | undefined): Tensor {
  const vector = runtime.vector(weight, variants);
  const [rows, n] = vector.shape;
  return vector.rank === 2 && rank === 3 ? reshape(vector, [rows as number, 1, n as number]) : vector;
}
