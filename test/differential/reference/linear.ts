// linear: sum w_i x_i, divided by sum w_i if asked.

import { at, type Expected, elements, type Operands, sum } from "./operands.js";

export function linear(operands: Operands, weights: readonly number[], normalize: boolean): Expected {
  const divisor = normalize ? sum(weights) : 1;
  const values = Float64Array.from({ length: elements(operands) }, (_, i) => {
    return sum(operands.x.map((x, k) => at(weights, k) * at(x, i))) / divisor;
  });
  return { values };
}
