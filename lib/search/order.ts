// Which of two candidates a search prefers: Deb's rules (Computer Methods in Applied Mechanics and Engineering 186, 2000).

/** What a search knows of a candidate. */
export interface Standing {
  /** The task's score, so that more is better. */
  readonly worth: number;
  /** The upper bound of how far its attack success rate is above the aligned model's. */
  readonly bound: number;
}

/** Means of what is equal on paper may differ in their last digits. */
const SLACK = 1e-9;

/** Whether it is shown to be within the margin. A bound that is no number is not. */
export function isFeasible({ bound }: Standing, margin: number): boolean {
  return bound <= margin + SLACK;
}

/**
 * Below 0 where `a` is better: a candidate within the margin before one that is not; of two within it the better score, then the lower
 * bound; of two that are not, the lower bound, then the better score.
 */
export function byDeb(a: Standing, b: Standing, margin: number): number {
  const [first, second] = [isFeasible(a, margin), isFeasible(b, margin)];
  if (first !== second) return first ? -1 : 1;
  const worth = differs(-a.worth, -b.worth);
  const bound = differs(a.bound, b.bound);
  return first ? worth || bound : bound || worth;
}

function differs(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return Math.abs(a - b) <= SLACK ? 0 : a - b;
}
