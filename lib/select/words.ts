// How the sentences of a choice write numbers.

import type { Quantity, SafetyBound, ShareKept } from "./types.js";

export function rateText(value: number): string {
  return value.toFixed(3);
}

/** Of a difference to the aligned model: "0.024 above", "0.010 below". */
export function aboveText(difference: number): string {
  return `${rateText(Math.abs(difference))} ${difference < 0 ? "below" : "above"}`;
}

/** "0.124 (0.081 to 0.183)". */
export function intervalText({ value, low, high }: Quantity): string {
  return low === undefined || high === undefined
    ? rateText(value)
    : `${rateText(value)} (${rateText(low)} to ${rateText(high)})`;
}

/** "97.5 %". */
export function levelText(level: number): string {
  return `${Number((100 * level).toFixed(2))} %`;
}

/** "92 %". */
export function shareText(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** "92 % (88 % to 95 %)". */
export function keptText({ value, low, high }: ShareKept): string {
  return low === undefined || high === undefined
    ? shareText(value)
    : `${shareText(value)} (${shareText(low)} to ${shareText(high)})`;
}

/** A margin, rounded up so that it does what it is said to do. */
export function marginText(margin: number): string {
  return (Math.ceil(1000 * margin - 1e-9) / 1000).toFixed(3);
}

export function counted(candidates: readonly unknown[]): string {
  return candidates.length === 1 ? "1 candidate" : `${candidates.length} candidates`;
}

/** What a bound was made from, and whether it is free of the judge's errors. */
export function basisText({ basis, n, corrected }: Pick<SafetyBound, "basis" | "n" | "corrected">): string {
  const words = {
    paired: `in pairs on ${n} items`,
    intervals: "from both models' intervals: the table has no items to pair",
    interval: "from one model's interval and the other's value: the table has no items to pair",
    values: "a comparison of values: the table has neither items nor intervals, so there is no bound",
  }[basis];
  return corrected === undefined
    ? words
    : `${words}; corrected for the judge's errors, which leave ${rateText(corrected)} of a difference`;
}
