// model_stock: between base and mean of the models, by the mean cosine of the angles between the deltas.

import { at, dot, type Expected, norm, type Operands, sum } from "./operands.js";
import { byVector } from "./vectors.js";

export function modelStock(operands: Operands, filterWise: boolean): Expected {
  return { values: byVector(operands.x, operands.shape, filterWise ? "last" : "flat", stock) };
}

function stock([base, ...models]: Float64Array[]): Float64Array {
  const a = base as Float64Array;
  const t = stockRatio(models.map((x) => x.map((value, i) => value - at(a, i))));
  return a.map((value, i) => (t * sum(models.map((x) => at(x, i)))) / models.length + (1 - t) * value);
}

/** t = N c / (1 + (N-1) c), c the mean cosine over the pairs of N deltas. */
export function stockRatio(d: readonly Float64Array[]): number {
  const cosines: number[] = [];
  for (const [i, x] of d.entries()) {
    for (const y of d.slice(i + 1)) {
      cosines.push(Math.min(Math.max(dot(x, y) / Math.max(norm(x) * norm(y), 1e-6), -1), 1));
    }
  }
  const c = sum(cosines) / cosines.length;
  const denominator = 1 + (d.length - 1) * c;
  return Math.abs(denominator) < 1e-6 ? 0 : (d.length * c) / denominator;
}
