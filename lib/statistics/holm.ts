// Several tests at once.

import { RetemperError } from "../errors.js";

/**
 * Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979), in the order given: calling those below .05
 * differences errs in any of them in at most 5 % of cases, however the tests depend on each other.
 * @throws RetemperError USAGE for a number that is no p value
 * @example
 * ```ts
 * import { holm } from "retemper";
 *
 * console.log(holm([0.01, 0.04, 0.03])); // [ 0.03, 0.06, 0.06 ]
 * ```
 */
export function holm(p: readonly number[]): number[] {
  const wrong = p.find((one) => !(one >= 0 && one <= 1));
  if (wrong !== undefined) {
    throw new RetemperError("USAGE", `${wrong} is no p value`, { hint: "give numbers from 0 to 1" });
  }
  const order = p.map((_, at) => at).sort((one, other) => (p[one] as number) - (p[other] as number));
  const adjusted = new Array<number>(p.length);
  let largest = 0;
  for (const [rank, at] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * (p[at] as number)));
    adjusted[at] = largest;
  }
  return adjusted;
}
