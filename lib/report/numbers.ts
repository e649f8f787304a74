// How the report writes numbers.

import type { Quantity } from "../select/types.js";

/** "0.124 ± 0.028 (0.081 to 0.183; new tuning 0.020 to 0.280)"; items of a seed without a verdict are counted behind it. */
export function quantity(of: Quantity | undefined): string {
  if (!of) return "";
  const { value, low, high, newLow, newHigh, seeds = [] } = of;
  const spread = seeds.length > 1 ? ` ± ${fixed(deviation(seeds.map((seed) => seed.value)))}` : "";
  const ends = [
    ...(low === undefined || high === undefined ? [] : [`${fixed(low)} to ${fixed(high)}`]),
    ...(newLow === undefined || newHigh === undefined ? [] : [`new tuning ${fixed(newLow)} to ${fixed(newHigh)}`]),
  ];
  return `${fixed(value)}${spread}${ends.length === 0 ? "" : ` (${ends.join("; ")})`}${missesText(seeds)}${correctedText(of)}`;
}

/** Of a judge that was calibrated. */
function correctedText({ corrected }: Quantity): string {
  if (!corrected) return "";
  const { value, low, high } = corrected;
  return `; corrected ${fixed(value)} (${fixed(low)} to ${fixed(high)})`;
}

/** What the numbers of a table are; which of the two intervals is which. */
export const INTERVALS =
  "± is the standard deviation over the tuning's seeds; with it the 95 % interval of these tunings (these very models, other items), then that of a new tuning (another seed, other items).";

/** The same where there may be one tuning, which tells nothing of a new one. */
export function intervalsNote({ aligned, tuned, candidates = [] }: Partial<Told>): string {
  const one = [aligned, tuned, ...candidates].every((model) => (model?.score.seeds?.length ?? 0) <= 1);
  return one ? "With each number its 95 % interval of this tuning: this very model, other items." : INTERVALS;
}

type Model = { readonly score: Quantity };

interface Told {
  readonly aligned: Model;
  readonly tuned: Model | undefined;
  readonly candidates: readonly Model[];
}

function missesText(seeds: NonNullable<Quantity["seeds"]>): string {
  const some = seeds.filter(({ missing = 0 }) => missing > 0);
  if (some.length === 0) return "";
  const counts = some.map(({ seed, missing }) => (seeds.length === 1 ? missing : `${missing} of seed ${seed}`));
  return `, without a verdict: ${counts.join(", ")}`;
}

/** Standard deviation of the sample (n - 1). */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

export function fixed(value: number): string {
  return value.toFixed(3);
}

export function signed(value: number): string {
  return `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

export function pText(p: number): string {
  return p < 0.0001 ? "< 0.0001" : p.toFixed(4);
}
