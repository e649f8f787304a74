// Whether probabilities mean what they say: of what was said to be likely with p, how much it was.

import { RetemperError } from "../errors.js";
import { wilson } from "./wilson.js";

/** Answers whose probability lies in a part of 0 to 1. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly n: number;
  /** The mean of the probabilities that were said; null for none. */
  readonly said: number | null;
  /** The share that was so, with Wilson's 95 % interval; null for none. */
  readonly observed: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface ReliabilityCurve {
  readonly bins: readonly ReliabilityBin[];
  /** Mean squared distance of what was said from 0 or 1 (Brier, Monthly Weather Review 78, 1950); null for no data. */
  readonly brier: number | null;
  /** Mean distance of `said` and `observed`, by the bins' sizes: the expected calibration error. null for no data. */
  readonly error: number | null;
}

/**
 * A reliability curve over bins of equal width.
 * @throws RetemperError USAGE where probabilities and outcomes are no pairs, or one is outside of 0 to 1
 * @example
 * ```ts
 * import { reliabilityCurve } from "retemper";
 *
 * const { bins, error } = reliabilityCurve([0.9, 0.9, 0.1, 0.1], [true, true, false, true], { bins: 2 });
 * console.log(bins.map(({ observed }) => observed), error); // [ 0.5, 1 ] 0.25
 * ```
 */
export function reliabilityCurve(
  probabilities: readonly number[],
  outcomes: readonly boolean[],
  { bins: count = 10 }: { readonly bins?: number | undefined } = {},
): ReliabilityCurve {
  const fits = probabilities.every((p) => p >= 0 && p <= 1) && Number.isSafeInteger(count) && count > 0;
  if (probabilities.length !== outcomes.length || !fits) {
    throw new RetemperError(
      "USAGE",
      "a reliability curve takes probabilities from 0 to 1, an outcome for each, and some bins",
    );
  }
  const n = probabilities.length;
  const bins = Array.from({ length: count }, (_, bin): ReliabilityBin => {
    const places = [...probabilities.keys()].filter(
      (at) => Math.min(count - 1, Math.floor((probabilities[at] as number) * count)) === bin,
    );
    const range = { from: bin / count, to: (bin + 1) / count, n: places.length };
    if (places.length === 0) return { ...range, said: null, observed: null, low: null, high: null };
    const hits = places.filter((at) => outcomes[at]).length;
    const [low, high] = wilson(hits, places.length);
    const said = places.reduce((sum, at) => sum + (probabilities[at] as number), 0) / places.length;
    return { ...range, said, observed: hits / places.length, low, high };
  });
  if (n === 0) return { bins, brier: null, error: null };
  const brier = probabilities.reduce((sum, p, at) => sum + (p - (outcomes[at] ? 1 : 0)) ** 2, 0) / n;
  const error = bins.reduce(
    (sum, { n: size, said, observed }) => sum + (size / n) * Math.abs((said ?? 0) - (observed ?? 0)),
    0,
  );
  return { bins, brier, error };
}
