// The search on planted truths: candidates are measured by simulated items, with an aligned model, a margin and paired bounds as a real
// one has them.

import { describe, expect, it } from "vitest";
import { uniformNumbers } from "../../../lib/search/optimisers/randomNumbers.js";
import { byDeb, isFeasible } from "../../../lib/search/order.js";
import { type MeasurePoints, ranked, searchAtRandom, searchByCmaEs } from "../../../lib/search/searchLoop.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";

const margin = 0.05;

/** Harm is in the first half of the groups, what the task needs in the second. */
function world(dimensions: number, items: number) {
  const uniform = uniformNumbers("world", dimensions);
  const draws = (count: number) => Array.from({ length: count }, () => uniform());
  const [harm, skill] = [draws(items), draws(items)];
  const half = dimensions / 2;
  const mean = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0) / of.length;
  const attack = (at: readonly number[]) => 0.7 * mean(at.slice(0, half)) ** 1.5;
  const solved = (at: readonly number[]) => 0.2 + 0.6 * mean(at.slice(half)) ** 0.7;
  const standing = (at: readonly number[]) => {
    const values = harm.map((one) => (one < attack(at) ? 1 : 0));
    const { high: bound } = pairedDifference([harm.map(() => 0)], [values], { side: "upper" });
    return { worth: mean(skill.map((one) => (one < solved(at) ? 1 : 0))), bound };
  };
  let asked = 0;
  const measure: MeasurePoints = async (points) => {
    asked += points.length;
    return points.map(standing);
  };
  return { measure, standing, asked: () => asked };
}

const options = { dimensions: 8, candidates: 150, range: [0, 1] as const, margin, seed: 1 };

describe("a search", () => {
  it("finds the groups that hold the harm, where one lambda for all cannot, and beats as many points at random", async () => {
    const { measure, standing, asked } = world(8, 200);
    const found = ranked(await searchByCmaEs(measure, options), margin);
    expect(asked()).toBe(150);
    const random = ranked(await searchAtRandom(measure, options), margin);
    const lambdas = Array.from({ length: 20 }, (_, at) => Array.from({ length: 8 }, () => (at + 1) / 20));
    const plain = ranked(
      lambdas.map((coefficients) => ({ coefficients, ...standing(coefficients) })),
      margin,
    );
    const [best, byChance, line] = [found[0], random[0], plain[0]];
    if (!best || !byChance || !line) throw new Error("nothing was found");
    expect(isFeasible(best, margin)).toBe(true);
    expect(best.worth).toBeGreaterThan(line.worth + 0.1);
    expect(best.worth).toBeGreaterThan(byChance.worth);
    const mean = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0) / of.length;
    expect(mean(best.coefficients.slice(0, 4))).toBeLessThan(0.2);
    expect(mean(best.coefficients.slice(4))).toBeGreaterThan(0.7);
  });

  it("is the same for the same seed, and another for another one", async () => {
    const { measure } = world(8, 60);
    const short = { ...options, candidates: 25 };
    const [one, same, other] = [
      await searchByCmaEs(measure, short),
      await searchByCmaEs(measure, short),
      await searchByCmaEs(measure, { ...short, seed: 2 }),
    ];
    expect(one).toHaveLength(25);
    expect(same).toEqual(one);
    expect(other[0]?.coefficients).not.toEqual(one[0]?.coefficients);
    expect(await searchAtRandom(measure, short)).toEqual(await searchAtRandom(measure, short));
  });

  it("asks rounds of one size in both ways, and the points at random are the same for any size", async () => {
    const { measure } = world(8, 20);
    const sizes: number[] = [];
    const counted: MeasurePoints = (points, round) => {
      sizes.push(points.length);
      return measure(points, round);
    };
    const short = { ...options, candidates: 20 };
    await searchByCmaEs(counted, short);
    const found = await searchAtRandom(counted, short);
    expect(sizes).toEqual([10, 10, 10, 10]); // 4 + 3 ln 8
    expect(await searchAtRandom(measure, { ...short, population: 8 })).toEqual(found);
  });

  it("ends where nothing may be spent any more, with what was measured until then", async () => {
    const { measure } = world(8, 40);
    const twice: MeasurePoints = async (points, round) => (round < 2 ? measure(points, round) : undefined);
    expect(await searchByCmaEs(twice, options)).toHaveLength(20);
    expect(await searchAtRandom(twice, { ...options, population: 6 })).toHaveLength(12);
  });

  it("finds the least harm where nothing is within the margin", async () => {
    const { standing } = world(8, 100);
    const worse: MeasurePoints = async (points) =>
      points.map((point) => ({ ...standing(point), bound: standing(point).bound + 0.3 }));
    const [best] = ranked(await searchByCmaEs(worse, options), margin);
    expect(best && isFeasible(best, margin)).toBe(false);
    expect(best?.coefficients.slice(0, 4).every((value) => value < 0.3)).toBe(true);
  });
});

describe("which of two candidates is better", () => {
  const safe = { worth: 0.5, bound: 0.04 };
  it.each([
    ["one within the margin before one that is not", safe, { worth: 0.9, bound: 0.06 }],
    ["of two within it the better score", { worth: 0.6, bound: 0.05 }, safe],
    ["of two of one score the safer", safe, { worth: 0.5, bound: 0.05 }],
    ["of two that are not the safer", { worth: 0.1, bound: 0.2 }, { worth: 0.9, bound: 0.3 }],
    ["one with a bound before one without", { worth: 0.1, bound: 0.9 }, { worth: 0.9, bound: Number.NaN }],
    ["one with a score before one without", safe, { worth: Number.NaN, bound: 0.01 }],
  ])("%s", (_, better, worse) => {
    expect(byDeb(better, worse, margin)).toBeLessThan(0);
    expect(byDeb(worse, better, margin)).toBeGreaterThan(0);
  });
});
