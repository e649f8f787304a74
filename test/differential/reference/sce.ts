// sce: select the positions of highest variance, calculate each model's weight there, erase minority signs.

import { at, deltas, type Expected, elements, type Operands, source, sum } from "./operands.js";
import { keepFirst } from "./sparsify.js";

export function sce(operands: Operands, selectTopk: number): Expected {
  const n = elements(operands);
  const base = source(operands, 0);
  const { mask, unsure } = selected(deltas(operands), selectTopk, n);
  const d = deltas(operands).map((x) => x.map((value, i) => (mask[i] ? value : 0)));
  const energy = d.map((x) => sum(x.map((value) => value * value)) / n);
  const total = sum(energy);
  const w = energy.map((value) => (total < 1e-6 ? 1 / d.length : value / total));
  const values = base.map((value, i) => {
    const majority = sum(d.map((x) => at(x, i))) >= 0 ? 1 : -1;
    const chosen = d.map((x) => Math.sign(at(x, i)) === majority);
    const divisor = sum(w.filter((_, k) => chosen[k]));
    return value + sum(d.map((x, k) => (chosen[k] ? at(w, k) * at(x, i) : 0))) / Math.max(divisor, 1e-6);
  });
  for (let i = 0; i < n; i++) {
    const terms = d.map((x) => at(x, i));
    if (sum(terms) !== 0 && Math.abs(sum(terms)) < 1e-6 * sum(terms.map(Math.abs))) unsure[i] = 1;
  }
  return { values, unsure };
}

function selected(d: readonly Float64Array[], topk: number, n: number): { mask: Uint8Array; unsure: Uint8Array } {
  const unsure = new Uint8Array(n);
  if (topk <= 0) return { mask: new Uint8Array(n), unsure };
  if (topk >= 1) return { mask: new Uint8Array(n).fill(1), unsure };
  const variance = Float64Array.from({ length: n }, (_, i) => {
    const values = d.map((x) => at(x, i));
    const mean = sum(values) / values.length;
    return sum(values.map((value) => (value - mean) ** 2)) / values.length;
  });
  const count = Math.trunc(variance.filter((value) => value !== 0).length * topk);
  const mask = keepFirst(variance, count);
  const last = variance.reduce(
    (least, value, i) => (mask[i] ? Math.min(least, value) : least),
    Number.POSITIVE_INFINITY,
  );
  for (let i = 0; i < n; i++) if (Math.abs(at(variance, i) - last) < 1e-5 * last) unsure[i] = 1;
  return { mask, unsure };
}
