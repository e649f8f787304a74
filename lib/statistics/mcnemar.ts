// Whether two models differ on the same yes-or-no items.

import { RetemperError } from "../errors.js";

export interface McNemarResult {
  /** Items that only the first, and only the second model got. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided, exact. */
  readonly p: number;
}

/**
 * McNemar's exact test (Psychometrika 12, 1947): where the two models differ, either is as likely to be the one that got
 * the item, if they are equally good; p = min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2).
 * @throws RetemperError USAGE where the two have different lengths
 * @example
 * ```ts
 * import { mcnemar } from "retemper";
 *
 * const aligned = [true, false, false, false, false, false, false];
 * const merged = [true, true, true, true, true, true, true];
 * const { onlyFirst, onlySecond, p } = mcnemar(aligned, merged);
 * console.log(onlyFirst, onlySecond, p.toFixed(3)); // 0 6 0.031
 * ```
 */
export function mcnemar(first: readonly boolean[], second: readonly boolean[]): McNemarResult {
  if (first.length !== second.length) {
    throw new RetemperError("USAGE", `${first.length} and ${second.length} outcomes are not pairs`, {
      hint: "give the outcomes of the same items in the same order",
    });
  }
  let [onlyFirst, onlySecond] = [0, 0];
  first.forEach((got, at) => {
    if (got && !second[at]) onlyFirst += 1;
    else if (!got && second[at]) onlySecond += 1;
  });
  const trials = onlyFirst + onlySecond;
  // log of C(trials, i) / 2^trials, from one i to the next: no factorial overflows
  let logTerm = -trials * Math.LN2;
  let tail = 0;
  for (let i = 0; i <= Math.min(onlyFirst, onlySecond); i++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(trials - i) - Math.log(i + 1);
  }
  return { onlyFirst, onlySecond, p: Math.min(1, 2 * tail) };
}
