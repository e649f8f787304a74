// multislerp: the weighted mean direction, corrected once in its tangent space, at the weighted mean length.

import { add, at, deltas, dot, type Expected, norm, type Operands, source, sum } from "./operands.js";

export interface MultislerpParams {
  readonly weights: readonly number[];
  readonly normalizeWeights: boolean;
  readonly eps: number;
  readonly hasBase: boolean;
}

export function multislerp(
  operands: Operands,
  { weights, normalizeWeights, eps, hasBase }: MultislerpParams,
): Expected {
  const w = normalizeWeights ? weights.map((weight) => weight / sum(weights)) : weights;
  const d = hasBase ? deltas(operands) : operands.x;
  const lengths = d.map(norm);
  const units = d.map((x, k) => x.map((value) => value / (at(lengths, k) + eps)));
  const weighted = mix(units, w);
  const meanNorm = norm(weighted);
  let merged: Float64Array;
  if (meanNorm < eps) {
    if (d.length !== 2) throw new RangeError("opposite vectors have no mean direction");
    merged = mix(d, w);
  } else {
    const m = weighted.map((value) => value / meanNorm);
    const tangent = mix(
      units.map((u) => {
        const along = dot(u, m);
        return u.map((value, i) => value - along * at(m, i));
      }),
      w,
    );
    const tau = norm(tangent) + eps;
    const length = sum(lengths.map((value, k) => value * at(w, k)));
    merged = m.map((value, i) => length * (value * Math.cos(tau) + (at(tangent, i) * Math.sin(tau)) / tau));
  }
  return { values: hasBase ? add(source(operands, 0), merged) : merged };
}

function mix(vectors: readonly Float64Array[], w: readonly number[]): Float64Array {
  const first = vectors[0] as Float64Array;
  return first.map((_, i) => sum(vectors.map((x, k) => at(w, k) * at(x, i))));
}
