// Steps down a gradient within bounds: Adam (Kingma and Ba, arXiv 1412.6980), each step brought back to the bounds.

const BETAS = [0.9, 0.999] as const;
const EPSILON = 1e-8;

export interface ProjectedSteps {
  readonly steps: number;
  /** Of the first step, in units of the coordinates; it falls evenly to 1 / steps of that. */
  readonly rate: number;
  readonly range: readonly [low: number, high: number];
}

/**
 * @param gradientAt the gradient at a point
 * @returns where the steps end
 */
export async function projectedAdam(
  start: readonly number[],
  gradientAt: (point: readonly number[]) => Promise<readonly number[]>,
  { steps, rate, range: [low, high] }: ProjectedSteps,
): Promise<number[]> {
  const [beta1, beta2] = BETAS;
  let point = [...start];
  const first = start.map(() => 0);
  const second = start.map(() => 0);
  for (let step = 1; step <= steps; step++) {
    const gradient = await gradientAt(point);
    const length = (rate * (steps - step + 1)) / steps;
    point = point.map((value, i) => {
      const slope = gradient[i] as number;
      first[i] = beta1 * (first[i] as number) + (1 - beta1) * slope;
      second[i] = beta2 * (second[i] as number) + (1 - beta2) * slope ** 2;
      const mean = (first[i] as number) / (1 - beta1 ** step);
      const root = Math.sqrt((second[i] as number) / (1 - beta2 ** step));
      return Math.min(high, Math.max(low, value - (length * mean) / (root + EPSILON)));
    });
  }
  return point;
}
