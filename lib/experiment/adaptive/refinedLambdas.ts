// The lambdas that are asked between two of the grid, once the grid's choice is known.

/** Decimals, so that names of merges stay short. */
const DECIMALS = 4;

/** The next lambda of a grid from a chosen one, away from 0; undefined: the chosen one is the last. */
export function nextLambda(grid: readonly number[], chosen: number): number | undefined {
  const beyond = grid.filter((lambda) => lambda * chosen >= 0 && Math.abs(lambda) > Math.abs(chosen));
  return beyond.sort((a, b) => Math.abs(a) - Math.abs(b))[0];
}

/**
 * Lambdas at equal distances between a chosen one and the next of its grid.
 * @param count how many
 * @returns in order, from `chosen`; none where it is the grid's last
 */
export function refinedLambdas(grid: readonly number[], chosen: number, count: number): number[] {
  const next = nextLambda(grid, chosen);
  if (next === undefined) return [];
  const all = Array.from({ length: count }, (_, at) =>
    Number((chosen + ((next - chosen) * (at + 1)) / (count + 1)).toFixed(DECIMALS)),
  );
  return [...new Set(all)].filter((lambda) => !grid.includes(lambda));
}
