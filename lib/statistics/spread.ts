// A number that was measured several times, such as once for each seed of a tuning.

export interface Spread {
  readonly n: number;
  readonly mean: number;
  /** Of the sample (n - 1); 0 for one value. */
  readonly standardDeviation: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Mean and spread of values; NaN for none.
 * @example
 * ```ts
 * import { spread } from "retemper";
 *
 * const { mean, standardDeviation } = spread([0.61, 0.58, 0.64]); // one number a seed
 * console.log(mean.toFixed(2), standardDeviation.toFixed(2)); // 0.61 0.03
 * ```
 */
export function spread(values: readonly number[]): Spread {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    n,
    mean,
    standardDeviation: n === 1 ? 0 : Math.sqrt(squares / (n - 1)),
    min: n === 0 ? Number.NaN : values.reduce((least, value) => Math.min(least, value)),
    max: n === 0 ? Number.NaN : values.reduce((most, value) => Math.max(most, value)),
  };
}
