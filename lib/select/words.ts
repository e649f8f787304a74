// How the sentences of a choice write numbers.

import type { GainKept, Quantity, SafetyBound } from "./types.js";

export function rateText(value: number): string {
  return value.toFixed(3);
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
export function keptText({ value, low, high }: GainKept): string {
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

/** What a bound was made from, said where it is not of the same items. */
export function basisText({ basis, n }: Pick<SafetyBound, "basis" | "n">): string {
  if (basis === "paired") return `in pairs on ${n} items`;
  if (basis === "intervals") return "from both models' intervals: the table has no items to pair";
  if (basis === "interval") return "from one model's interval and the other's value: the table has no items to pair";
  return "a comparison of values: the table has neither items nor intervals, so there is no bound";
}
