// Steps down a gradient: against Adam's own formula of the first steps, and on a bowl whose bottom lies beyond the bounds.

import { expect, it } from "vitest";
import { projectedAdam } from "../../../lib/search/optimisers/projectedAdam.js";

const bowl = (bottom: readonly number[], scales: readonly number[]) => async (point: readonly number[]) =>
  point.map((value, i) => 2 * (scales[i] as number) * (value - (bottom[i] as number)));

it("ends at the bottom of a bowl, or at the bounds before it, whatever the scales of the coordinates", async () => {
  const found = await projectedAdam([0.5, 0.5, 0.5], bowl([0.2, 1.7, -1], [1, 1e-3, 100]), {
    ...{ steps: 60, rate: 0.1, range: [0, 1] as const },
  });
  expect(found[0]).toBeCloseTo(0.2, 2);
  expect(found.slice(1)).toEqual([1, 0]);
});

it("takes Adam's steps: of a first gradient its sign, of a second what both moments say", async () => {
  const gradients = [[3], [-1]];
  const [found] = await projectedAdam([0], async () => gradients.shift() as number[], {
    ...{ steps: 2, rate: 0.1, range: [-9, 9] as const },
  });
  const mean = (0.9 * 0.1 * 3 + 0.1 * -1) / (1 - 0.9 ** 2);
  const root = Math.sqrt((0.999 * 0.001 * 9 + 0.001 * 1) / (1 - 0.999 ** 2));
  expect(found).toBeCloseTo(-0.1 - (0.05 * mean) / root, 6);
});
