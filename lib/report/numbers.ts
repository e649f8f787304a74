// How the report writes numbers.

import type { Quantity } from "../select/types.js";

/** "0.124 ± 0.028 (0.081 to 0.183)". */
export function quantity(of: Quantity | undefined): string {
  if (!of) return "";
  const { value, low, high, seeds = [] } = of;
  const spread = seeds.length > 1 ? ` ± ${fixed(deviation(seeds.map((seed) => seed.value)))}` : "";
  const interval = low === undefined || high === undefined ? "" : ` (${fixed(low)} to ${fixed(high)})`;
  return `${fixed(value)}${spread}${interval}`;
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
