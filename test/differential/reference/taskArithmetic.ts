// Generalised task arithmetic: deltas, sparsified, rescaled, weighted, elected, summed, normalised, scaled, on the base.

import type { NativeParams } from "../../../lib/addon/nativePlan.js";
import { at, deltas, type Expected, type Operands, source, sum } from "./operands.js";
import { keepInliers, keepLargest } from "./sparsify.js";

export type TaskArithmeticParams = Extract<NativeParams, { op: "task_arithmetic" }>;

export function taskArithmetic(operands: Operands, params: TaskArithmeticParams): Expected {
  const base = source(operands, 0);
  const { weights, lambda } = params;
  const sparse = deltas(operands).map((d, k) => rescaled(d, kept(d, k, params), k, params));
  const unsure = new Uint8Array(base.length);
  const values = base.map((value, i) => {
    const terms = sparse.map((d, k) => at(weights, k) * at(d, i));
    const total = sum(terms);
    const majority = total >= 0 ? 1 : -1;
    const chosen = terms.map((term) => !params.election || Math.sign(term) === majority);
    // The sign of a sum that nearly cancels is a matter of rounding; exact cancelling has a test of its own.
    if (params.election && Math.abs(total) < 1e-6 * sum(terms.map(Math.abs))) unsure[i] = 1;
    const merged = sum(terms.filter((_, k) => chosen[k]));
    return value + (lambda * merged) / (params.normalize ? divisor(weights, chosen, params.election) : 1);
  });
  return { values, unsure };
}

function divisor(weights: readonly number[], chosen: readonly boolean[], election: boolean): number {
  const total = sum(weights.filter((_, k) => chosen[k]));
  if (election) return total === 0 ? 1 : total;
  return Math.abs(total) < 1e-8 ? 1 : total;
}

/** Which deltas of model k stay. */
function kept(d: Float64Array, k: number, { sparsifier, densities, gammas }: TaskArithmeticParams): Uint8Array {
  const density = at(densities, k);
  if (sparsifier === "magnitude") return keepLargest(d, density);
  if (sparsifier === "outliers") return keepInliers(d, density, at(gammas, k));
  if (sparsifier === "none" || density >= 1) return new Uint8Array(d.length).fill(1);
  if (density <= 0) return new Uint8Array(d.length);
  throw new RangeError("a random mask has no single expected value");
}

function rescaled(
  d: Float64Array,
  mask: Uint8Array,
  k: number,
  { rescale, densities }: TaskArithmeticParams,
): Float64Array {
  const left = d.map((value, i) => (mask[i] ? value : 0));
  if (rescale === "none") return left;
  if (rescale === "inverse_density") {
    const density = at(densities, k);
    return density > 0 && density < 1 ? left.map((value) => value / density) : left;
  }
  const before = sum(d.map(Math.abs));
  const after = sum(left.map(Math.abs));
  return before < 1e-7 || after < 1e-7 ? left : left.map((value) => (value * before) / after);
}
