// A search with whatever measures its candidates: pure but for that. It ends after a number of candidates, or where the measuring has
// spent what it may; the same answers give the same course, so that a search that was stopped goes on by going the same way again.

import { rounded } from "./groups.js";
import { CmaEs, generationSize } from "./optimisers/cmaEs.js";
import { normalNumbers, uniformNumbers } from "./optimisers/randomNumbers.js";
import { byDeb, type Standing } from "./order.js";

export interface SearchedPoint extends Standing {
  /** One a group, as a recipe has them. */
  readonly coefficients: readonly number[];
}

/** Measures points together, in their order. undefined: nothing may be spent any more. */
export type MeasurePoints = (
  points: readonly (readonly number[])[],
  round: number,
) => Promise<readonly Standing[] | undefined>;

export interface LoopOptions {
  readonly dimensions: number;
  /** Candidates at most. */
  readonly candidates: number;
  readonly range: readonly [low: number, high: number];
  readonly margin: number;
  readonly seed: number;
  readonly population?: number | undefined;
  /** Where CMA-ES begins: the middle of the range by default. */
  readonly start?: readonly number[] | undefined;
}

/** CMA-ES's step at the beginning, as a share of the range. */
const FIRST_STEP = 0.25;

/** Generations of CMA-ES; the last may be cut, and is not learned from. */
export async function searchByCmaEs(measure: MeasurePoints, options: LoopOptions): Promise<SearchedPoint[]> {
  const { dimensions, candidates, range, margin, seed, population, start } = options;
  const [low, high] = range;
  const middle = (low + high) / 2;
  const optimiser = new CmaEs({
    mean: start ?? Array.from({ length: dimensions }, () => middle),
    sigma: FIRST_STEP * (high - low),
    bounds: range,
    population,
    normal: normalNumbers("search", "cma-es", seed),
  });
  const found: SearchedPoint[] = [];
  for (let round = 0; found.length < candidates; round++) {
    const drawn = optimiser.ask();
    const asked = drawn.slice(0, candidates - found.length).map(rounded);
    const standings = await measure(asked, round);
    if (!standings) break;
    found.push(...pointsOf(asked, standings));
    if (asked.length < drawn.length) break;
    const order = drawn
      .map((_, at) => at)
      .sort((a, b) => byDeb(standings[a] as Standing, standings[b] as Standing, margin) || a - b);
    optimiser.tell(order.map((at) => drawn[at] as number[]));
  }
  return found;
}

/** Points drawn evenly from the range, in rounds of the same size: what a search must beat. */
export async function searchAtRandom(measure: MeasurePoints, options: LoopOptions): Promise<SearchedPoint[]> {
  const { dimensions, candidates, range, seed, population = generationSize(options.dimensions) } = options;
  const [low, high] = range;
  const uniform = uniformNumbers("search", "random", seed);
  const found: SearchedPoint[] = [];
  for (let round = 0; found.length < candidates; round++) {
    const count = Math.min(population, candidates - found.length);
    const points = Array.from({ length: count }, () =>
      rounded(Array.from({ length: dimensions }, () => low + (high - low) * uniform())),
    );
    const standings = await measure(points, round);
    if (!standings) break;
    found.push(...pointsOf(points, standings));
  }
  return found;
}

/** The best first; of equal ones the one that was found first. */
export function ranked<T extends Standing>(points: readonly T[], margin: number): T[] {
  return points
    .map((point, at) => ({ point, at }))
    .sort((a, b) => byDeb(a.point, b.point, margin) || a.at - b.at)
    .map(({ point }) => point);
}

function pointsOf(points: readonly (readonly number[])[], standings: readonly Standing[]): SearchedPoint[] {
  return points.map((coefficients, at) => {
    const { worth, bound } = standings[at] as Standing;
    return { coefficients, worth, bound };
  });
}
