// Finds what a prompt has in common with a sequence in the cache: that need not be read again.

import type { PromptWork } from "./job.js";
import { inCommon, type Reading } from "./reading.js";

/** Fewer tokens than these in common are read anew: that costs less than sharing them. */
export const LEAST_SHARED = 32;

export interface Beginning {
  readonly reading: Reading;
  readonly tokens: number;
}

/**
 * The sequence with which a prompt begins with the most tokens in common, if they are worth sharing.
 * @param sources Each with the tokens that it has or will have in the cache.
 * @param longest Longer sequences are left alone: long rope turns them otherwise than shorter ones.
 */
export function sharedBeginning(
  { ids, variant, scoredFrom }: PromptWork,
  sources: Iterable<Beginning>,
  longest: number,
): Beginning | undefined {
  if (ids.length > longest) return undefined;
  const prompt = { at: (position: number) => ids[position] as number };
  let best: Beginning | undefined;
  for (const { reading, tokens } of sources) {
    if (reading.variant !== variant || reading.length > longest) continue;
    // What gives logits is always read: the last token, or all that are scored.
    const common = inCommon(reading, prompt, Math.min(tokens, scoredFrom ?? ids.length - 1));
    if (common >= LEAST_SHARED && common > (best?.tokens ?? 0)) best = { reading, tokens: common };
  }
  return best;
}
