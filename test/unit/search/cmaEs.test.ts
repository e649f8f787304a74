// CMA-ES against PyPI's cmaes with the same normal draws, and what it promises by itself.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CmaEs } from "../../../lib/search/optimisers/cmaEs.js";
import { normalNumbers } from "../../../lib/search/optimisers/randomNumbers.js";
import { symmetricEigen } from "../../../lib/search/optimisers/symmetricEigen.js";

interface Golden {
  readonly runs: readonly {
    readonly n: number;
    readonly population: number;
    readonly draws: readonly number[];
    readonly generations: readonly {
      readonly points: readonly (readonly number[])[];
      readonly mean: readonly number[];
      readonly sigma: number;
      readonly covariance: readonly (readonly number[])[];
    }[];
  }[];
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "..", "golden", "search", "cmaEs.json"), "utf8"),
) as Golden;

/** As makeCmaEs.py has it. */
function ellipsoid(x: readonly number[]): number {
  const n = x.length;
  const y = x.map((value, i) => value - (0.2 + (0.9 * i) / (n - 1)));
  const turned = y.map((value, i) => value + 0.5 * (y[(i + 1) % n] as number));
  return turned.reduce((sum, value, i) => sum + 10 ** ((2 * i) / Math.max(1, n - 1)) * value * value, 0);
}

function close(found: readonly number[], wanted: readonly number[]): void {
  expect(found.length).toBe(wanted.length);
  for (const [i, value] of found.entries()) expect(Math.abs(value - (wanted[i] as number))).toBeLessThan(1e-6);
}

describe("CMA-ES", () => {
  it.each(golden.runs)(
    "goes as PyPI's cmaes does with the same draws, in $n dimensions",
    ({ n, population, draws, generations }) => {
      let used = 0;
      const optimiser = new CmaEs({
        ...{ mean: Array.from({ length: n }, () => 0.5), sigma: 0.25, bounds: [0, 1], population },
        normal: () => draws[used++] as number,
      });
      for (const { points, mean, sigma, covariance } of generations) {
        const asked = optimiser.ask();
        close(asked[0] as number[], points[0] as number[]);
        close(asked[asked.length - 1] as number[], points[1] as number[]);
        optimiser.tell([...asked].sort((a, b) => ellipsoid(a) - ellipsoid(b)));
        const { state } = optimiser;
        close(state.mean, mean);
        close([state.sigma], [sigma]);
        for (const [row, values] of covariance.entries()) close(state.covariance[row] as number[], values);
      }
      expect(used).toBe(draws.length);
    },
  );

  it("finds a minimum at the bounds, and stays within them", () => {
    const optimiser = new CmaEs({
      ...{ mean: [0.5, 0.5, 0.5], sigma: 0.25, bounds: [0, 1] },
      normal: normalNumbers("test", 7),
    });
    const cost = ([x = 0, y = 0, z = 0]: readonly number[]) =>
      (x - 1.2) ** 2 + 30 * (y + x - 0.9) ** 2 + (z - 0.25) ** 2;
    let best = [0, 0, 0];
    for (let generation = 0; generation < 80; generation++) {
      const asked = optimiser.ask().sort((a, b) => cost(a) - cost(b));
      for (const one of asked.flat()) expect(one >= 0 && one <= 1).toBe(true);
      if (cost(asked[0] as number[]) < cost(best)) best = asked[0] as number[];
      optimiser.tell(asked);
    }
    expect(best[0]).toBeCloseTo(0.91, 2); // where y is at its bound, between what the two terms want
    expect(best[1]).toBeCloseTo(0, 2);
    expect(best[2]).toBeCloseTo(0.25, 2);
  });

  it.each([
    ["no coordinates", { mean: [] }],
    ["a mean outside of the bounds", { mean: [2] }],
    ["a step of 0", { sigma: 0 }],
    ["bounds in the wrong order", { bounds: [1, 0] as const }],
    ["one candidate a generation", { population: 1 }],
  ])("refuses %s", (_, wrong) => {
    const options = { mean: [0.5], sigma: 0.2, bounds: [0, 1] as const, normal: () => 0, ...wrong };
    expect(() => new CmaEs(options)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("normal draws", () => {
  it("have the moments of the standard normal distribution, and are the same for the same name", () => {
    const [one, same, other] = [normalNumbers("a", 1), normalNumbers("a", 1), normalNumbers("a", 2)];
    const draws = Array.from({ length: 4000 }, () => one());
    const moment = (power: number) => draws.reduce((sum, value) => sum + value ** power, 0) / draws.length;
    expect(moment(1)).toBeCloseTo(0, 1);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.4);
    expect(Array.from({ length: 5 }, () => same())).toEqual(draws.slice(0, 5));
    expect(Array.from({ length: 5 }, () => other())).not.toEqual(draws.slice(0, 5));
  });
});

describe("eigenvalues of a symmetric matrix", () => {
  it.each([2, 3, 12, 120])("give the matrix back, with orthogonal vectors, at %i", (n) => {
    const normal = normalNumbers("matrix", 3);
    const half = Array.from({ length: n }, () => Array.from({ length: n }, () => normal()));
    const matrix = half.map((row, i) => row.map((value, j) => value + (half[j]?.[i] as number)));
    const { values, vectors } = symmetricEigen(matrix);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const [own, other] = [vectors[i] as readonly number[], vectors[j] as readonly number[]];
        const made = own.reduce((sum, value, k) => sum + value * (values[k] as number) * (other[k] as number), 0);
        expect(Math.abs(made - (matrix[i]?.[j] as number))).toBeLessThan(1e-12 * n * n);
        const product = own.reduce((sum, value, k) => sum + value * (other[k] as number), 0);
        expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-13 * n);
      }
    }
  });

  it("are found where many are the same, and where rows stand by themselves", () => {
    // all ones: one value is n, the others 0; beside it a row of its own
    const n = 6;
    const matrix = Array.from({ length: n + 1 }, (_, i) =>
      Array.from({ length: n + 1 }, (_value, j) => (i === n || j === n ? (i === j ? 2 : 0) : 1)),
    );
    const { values } = symmetricEigen(matrix);
    const sorted = [...values].sort((a, b) => b - a);
    expect(sorted.slice(0, 2).map((value) => Math.round(value * 1e12) / 1e12)).toEqual([6, 2]);
    expect(Math.max(...sorted.slice(2).map(Math.abs))).toBeLessThan(1e-14);
  });

  it.each([
    [
      "a diagonal one",
      [
        [3, 0],
        [0, -2],
      ],
    ],
    ["one number", [[5]]],
    [
      "zeros",
      [
        [0, 0],
        [0, 0],
      ],
    ],
  ])("take %s", (_, matrix) => {
    const { values } = symmetricEigen(matrix);
    expect(values).toEqual(matrix.map((row, i) => row[i]));
  });
});
