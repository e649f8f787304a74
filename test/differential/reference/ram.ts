// ram: the mean of the deltas that are active at a position; ramplus: with each model's unique part amplified.

import { at, deltas, type Expected, type Operands, source, sum } from "./operands.js";

export interface RamParams {
  readonly epsilon: number;
  /** 0 is plain ram. */
  readonly r: number;
  readonly alpha: number;
}

export function ram(operands: Operands, { epsilon, r, alpha }: RamParams): Expected {
  const base = source(operands, 0);
  const d = deltas(operands);
  const active = (i: number) => d.map((x) => Math.abs(at(x, i)) > epsilon);
  const unique = d.map(() => 0);
  const shared = d.map(() => 0);
  for (let i = 0; i < base.length; i++) {
    const here = active(i);
    const counts = here.filter(Boolean).length === 1 ? unique : shared;
    for (const [k, on] of here.entries()) if (on) counts[k] = at(counts, k) + 1;
  }
  const gain = d.map((_, k) => 1 + r * Math.min(Math.max(at(shared, k) / Math.max(at(unique, k), epsilon), 0), alpha));
  const unsure = new Uint8Array(base.length);
  const values = base.map((value, i) => {
    const here = active(i);
    const terms = d.map((x) => at(x, i)).filter((_, k) => here[k]);
    if (d.some((x) => Math.abs(Math.abs(at(x, i)) - epsilon) < 1e-6 * epsilon)) unsure[i] = 1;
    if (terms.length === 0) return value;
    return value + (terms.length === 1 ? at(terms, 0) * at(gain, here.indexOf(true)) : sum(terms) / terms.length);
  });
  return { values, unsure };
}
