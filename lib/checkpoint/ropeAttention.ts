// What attention is scaled by where rotary positions are stretched, as it follows from how far: where a configuration says
// no number of its own.

/** YaRN (Peng et al. 2023): 0.1 scale ln(factor) + 1. */
export function yarnAttention(factor: number, scale = 1): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

/**
 * LongRoPE (Ding et al. 2024): sqrt(1 + ln(factor) / ln(original)).
 * @param original tokens of the context before it was stretched
 */
export function longRopeAttention(factor: number, original: number): number {
  return factor > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(original)) : 1;
}
