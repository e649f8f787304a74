// The learning rate of each step.

import type { Schedule } from "../types.js";

/** Steps over which the rate rises. */
export function warmupSteps(ratio: number, total: number): number {
  return Math.ceil(ratio * total);
}

/**
 * What the highest rate is multiplied by at `step` (from 0) of `total`: s / warmup first, so nothing changes in the first
 * step; then half a cosine to 0 (Loshchilov and Hutter 2017), a line to 0, or 1.
 */
export function rateAt(schedule: Schedule, step: number, warmup: number, total: number): number {
  if (step < warmup) return step / warmup;
  if (schedule === "constant") return 1;
  const share = (step - warmup) / Math.max(1, total - warmup);
  return schedule === "linear" ? Math.max(0, 1 - share) : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * share)));
}
