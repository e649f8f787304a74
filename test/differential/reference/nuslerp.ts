// nuslerp: slerp of two models, or of their deltas from a base; whole, or one vector at a time.

import { add, deltas, dot, type Expected, norm, type Operands, source } from "./operands.js";
import { along } from "./slerp.js";
import { type Axis, byVector } from "./vectors.js";

const SMALLEST_NORM = 1e-7;
const STRAIGHT = 1e-16;

export function nuslerp(operands: Operands, weights: readonly number[], hasBase: boolean, axis: Axis): Expected {
  const [w0 = 0, w1 = 0] = weights;
  const t = Math.abs(w0 + w1) < 1e-6 ? 0.5 : w1 / (w0 + w1);
  const pair = hasBase ? deltas(operands) : operands.x;
  const merged = byVector(pair, operands.shape, axis, ([a, b]) => circle(a as Float64Array, b as Float64Array, t));
  return { values: hasBase ? add(source(operands, 0), merged) : merged };
}

function circle(a: Float64Array, b: Float64Array, t: number): Float64Array {
  const c = dot(a, b) / Math.max(norm(a), SMALLEST_NORM) / Math.max(norm(b), SMALLEST_NORM);
  const clamped = Math.min(Math.max(c, -1), 1);
  return along(a, b, t, 1 - clamped * clamped <= STRAIGHT, clamped);
}
