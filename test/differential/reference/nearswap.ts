// nearswap: the other model where it is near the base, less of it the farther away it is.

import { at, type Expected, type Operands, source } from "./operands.js";

export function nearswap(operands: Operands, t: number): Expected {
  const a = source(operands, 0);
  const b = source(operands, 1);
  const values = a.map((value, i) => {
    const w = Math.min(Math.max(t / Math.max(Math.abs(value - at(b, i)), 1e-6), 0), 1);
    return w * at(b, i) + (1 - w) * value;
  });
  return { values };
}
