// What pairs of distributions come to.

import type { DistributionComparison } from "../types.js";
import { type CoarseDistribution, divergence } from "./coarse.js";

/** Undefined where there are none. `pairs` are of A and of B, over the same tokens by name. */
export function compareDistributions(
  pairs: readonly (readonly [CoarseDistribution, CoarseDistribution])[],
): DistributionComparison | undefined {
  if (pairs.length === 0) return undefined;
  const divergences = pairs.map(([a, b]) => divergence(a, b));
  const agreeing = pairs.filter(([a, b]) => isTop(b, a.ids[0] as number)).length;
  return {
    klMean: divergences.reduce((sum, one) => sum + one, 0) / pairs.length,
    klMost: Math.max(...divergences),
    top1: agreeing / pairs.length,
    positions: pairs.length,
  };
}

/** Whether B finds the token likeliest, too; one that is not named by A is never compared with it. */
function isTop({ ids, logprobs }: CoarseDistribution, token: number): boolean {
  let best = -1;
  for (let i = 0; i < ids.length; i++) {
    if (best < 0 || (logprobs[i] as number) > (logprobs[best] as number)) best = i;
  }
  return best >= 0 && ids[best] === token;
}
