// The knee of a Pareto front: where more score begins to cost much more safety.

import { byAsr, worth } from "./order.js";
import type { Better, Candidate } from "./types.js";

/**
 * The point of the front that is farthest above the straight line between the front's ends, both axes scaled to 0..1
 * (the chord rule; Satopaa et al., "Finding a Kneedle in a Haystack", 2011). Ties, and fronts of fewer than three points,
 * go to the lower ASR. undefined for an empty front.
 * @param front from `paretoFront`
 * @param better the direction of the score; "low" for perplexity and loss
 * @example
 * ```ts
 * import { knee, paretoFront } from "retemper";
 *
 * const candidates = [
 *   { method: "linear", lambda: 0.2, asr: { value: 0.01 }, score: { value: 0.4 } },
 *   { method: "linear", lambda: 0.4, asr: { value: 0.02 }, score: { value: 0.7 } },
 *   { method: "linear", lambda: 0.6, asr: { value: 0.2 }, score: { value: 0.8 } },
 *   { method: "slerp", lambda: 0.6, asr: { value: 0.25 }, score: { value: 0.75 } },
 * ];
 * console.log(knee(paretoFront(candidates))?.lambda); // 0.4
 * ```
 */
export function knee(front: readonly Candidate[], better: Better = "high"): Candidate | undefined {
  const sorted = [...front].sort((a, b) => byAsr(a, b, better));
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last) return undefined;
  const gain = (one: Candidate) => worth(one, better) - worth(first, better);
  const [width, height] = [last.asr.value - first.asr.value, gain(last)];
  if (!(width > 0) || !(height > 0)) return first;
  let best = first;
  let farthest = 0;
  for (const one of sorted) {
    const above = gain(one) / height - (one.asr.value - first.asr.value) / width;
    if (above > farthest + 1e-12) [best, farthest] = [one, above];
  }
  return best;
}
