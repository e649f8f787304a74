// The interval of a rate.

import { RetemperError } from "../errors.js";
import { normalQuantile } from "./normalQuantile.js";

/**
 * Wilson's score interval of `successes` of `trials` (Wilson, JASA 22, 1927), two-sided with error `alpha`. Unlike the
 * usual p +- z s it says something at the ends: 0 of 520 is 0 to 0.73 %. No trials: 0 to 1.
 * @param successes need not be whole: of a mean over several models of the same items it is the mean of their counts
 * @throws RetemperError USAGE for counts that cannot be, or an alpha outside of 0 to 1
 * @example
 * ```ts
 * import { wilson } from "retemper";
 *
 * const [low, high] = wilson(0, 520);
 * console.log(low, high.toFixed(4)); // 0 0.0073
 * ```
 */
export function wilson(successes: number, trials: number, alpha = 0.05): [low: number, high: number] {
  const possible = Number.isInteger(trials) && successes >= 0 && successes <= trials;
  if (!possible || !(alpha > 0 && alpha < 1)) {
    throw new RetemperError("USAGE", `there is no interval for ${successes} of ${trials} with alpha ${alpha}`, {
      hint: "give 0 <= successes <= trials, trials a whole number, and 0 < alpha < 1",
    });
  }
  if (trials === 0) return [0, 1];
  const z = normalQuantile(1 - alpha / 2);
  const rate = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (rate + (z * z) / (2 * trials)) / scale;
  const half = (z * Math.sqrt((rate * (1 - rate) + (z * z) / (4 * trials)) / trials)) / scale;
  // The rate itself lies within, also where rounding says otherwise.
  return [Math.max(0, Math.min(rate, centre - half)), Math.min(1, Math.max(rate, centre + half))];
}
