// How far two judges agree on the same items.

import { RetemperError } from "../errors.js";

export interface Agreement {
  /** Items that both judged. */
  readonly n: number;
  /** Share of them with the same word; NaN for none. */
  readonly agreement: number;
  /** Cohen's kappa: 1 is perfect, 0 is chance; null where both always say the same one word, or judged nothing. */
  readonly kappa: number | null;
}

/**
 * Cohen's kappa (Educational and Psychological Measurement 20, 1960): (observed - expected) / (1 - expected), where
 * `expected` is the agreement of two judges who say their words as often but at random. Items that either missed (null)
 * are left out.
 * @throws RetemperError USAGE where the two have different lengths
 * @example
 * ```ts
 * import { agreement } from "retemper";
 *
 * const keyword = ["yes", "no", "no", "yes", null]; // null: this judge could not say
 * const guard = ["yes", "no", "yes", "yes", "no"];
 * const { n, agreement: share, kappa } = agreement(keyword, guard);
 * console.log(n, share, kappa); // 4 0.75 0.5
 * ```
 */
export function agreement<Word extends string | boolean>(
  first: readonly (Word | null)[],
  second: readonly (Word | null)[],
): Agreement {
  if (first.length !== second.length) {
    throw new RetemperError("USAGE", `${first.length} and ${second.length} verdicts are not pairs`, {
      hint: "give the verdicts on the same items in the same order",
    });
  }
  const [ofFirst, ofSecond] = [new Map<Word, number>(), new Map<Word, number>()];
  let [n, same] = [0, 0];
  first.forEach((word, at) => {
    const other = second[at] as Word | null;
    if (word === null || other === null) return;
    n += 1;
    if (word === other) same += 1;
    ofFirst.set(word, (ofFirst.get(word) ?? 0) + 1);
    ofSecond.set(other, (ofSecond.get(other) ?? 0) + 1);
  });
  const observed = same / n;
  let expected = 0;
  for (const [word, count] of ofFirst) expected += (count / n) * ((ofSecond.get(word) ?? 0) / n);
  return { n, agreement: observed, kappa: n === 0 || expected === 1 ? null : (observed - expected) / (1 - expected) };
}
