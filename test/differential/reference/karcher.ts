// karcher: the Riemannian mean of the directions by log and exp steps, times the mean of the lengths.

import { at, dot, type Expected, elements, norm, type Operands, sum } from "./operands.js";

export function karcher(operands: Operands, maxIter: number, tol: number): Expected {
  const n = elements(operands);
  const lengths = operands.x.map(norm);
  const units = operands.x
    .map((x, k) => x.map((value) => value / at(lengths, k)))
    .filter((_, k) => at(lengths, k) > tol);
  if (units.length === 0) return { values: new Float64Array(n) };
  const middle = mean(units, n);
  const start = norm(middle);
  let u = start > tol ? scaled(middle, 1 / start) : (units[0] as Float64Array);
  for (let step = 0; step < maxIter; step++) {
    const tangent = mean(
      units.map((unit) => logarithm(u, unit)),
      n,
    );
    const length = norm(tangent);
    if (length < tol) break;
    u = u.map((value, i) => value * Math.cos(length) + (at(tangent, i) / length) * Math.sin(length));
    u = scaled(u, 1 / norm(u));
  }
  return { values: scaled(u, sum(lengths) / lengths.length) };
}

/** The tangent at u that points to v along the great circle, as long as the angle between them. */
function logarithm(u: Float64Array, v: Float64Array): Float64Array {
  const c = Math.min(Math.max(dot(u, v), -1), 1);
  const across = v.map((value, i) => value - c * at(u, i));
  const length = norm(across);
  return length === 0 ? across : scaled(across, Math.acos(c) / length);
}

function mean(vectors: readonly Float64Array[], n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => sum(vectors.map((x) => at(x, i))) / vectors.length);
}

function scaled(x: Float64Array, factor: number): Float64Array {
  return x.map((value) => value * factor);
}
