// arcee_fusion: the base, but with the other model's values where change times divergence is exceptionally large.

import { at, difference, type Expected, type Operands, source, sum } from "./operands.js";
import { byVector } from "./vectors.js";

export function arceeFusion(operands: Operands): Expected {
  const a = source(operands, 0);
  const b = source(operands, 1);
  const d = difference(b, a, operands.compute);
  // One divergence a row, repeated over the row.
  const divergence = byVector([a, b], operands.shape, "last", ([x, y]) => {
    const p = softmax(y as Float64Array);
    const q = softmax(x as Float64Array);
    const kl = sum(p.map((value, i) => (value + 1e-8) * Math.log((value + 1e-8) / (at(q, i) + 1e-8))));
    return p.fill(kl);
  });
  const score = d.map((value, i) => Math.abs(value) * at(divergence, i));
  const sorted = score.slice().sort();
  const quantile = (q: number) => at(sorted, Math.floor(q * (sorted.length - 1)));
  const threshold = quantile(0.5) + 1.5 * (quantile(0.75) - quantile(0.25));
  const values = a.map((value, i) => (at(score, i) >= threshold ? value + at(d, i) : value));
  const unsure = Uint8Array.from(score, (s) => (Math.abs(s - threshold) <= 1e-4 * Math.abs(threshold) ? 1 : 0));
  return { values, unsure };
}

function softmax(x: Float64Array): Float64Array {
  const largest = x.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const powers = x.map((value) => Math.exp(value - largest));
  const total = sum(powers);
  return powers.map((value) => value / total);
}
