// Rank correlations: known values, and what they do not depend on.

import { describe, expect, it } from "vitest";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { rankCorrelation } from "../../../lib/statistics/rankCorrelation.js";
import { rankCorrelationInterval } from "../../../lib/statistics/rankCorrelationInterval.js";
import type { SeedValues } from "../../../lib/statistics/seedValues.js";
import { casesOf, long } from "../../long.js";
import { randomOf, rankedThings } from "./simulated.mjs";

describe("a rank correlation", () => {
  it("is 1 where both rise together, whatever their scales, and -1 where one falls", () => {
    expect(rankCorrelation([1, 2, 3, 40], [0.1, 0.2, 0.3, 0.31])).toBe(1);
    expect(rankCorrelation([1, 2, 3, 40], [3, 2, 1, -7])).toBe(-1);
  });

  it("gives equal numbers the mean of their ranks, as numpy has of mean ranks", () => {
    expect(rankCorrelation([1, 2, 2, 3], [1, 3, 2, 4])).toBeCloseTo(0.9486832980505138, 14);
    expect(rankCorrelation([5, 5, 1, 2, 9], [2, 8, 1, 1, 3])).toBeCloseTo(0.7894736842105263, 14);
  });

  it("says nothing of fewer than two numbers, and of numbers that are all equal", () => {
    expect(rankCorrelation([], [])).toBeUndefined();
    expect(rankCorrelation([1], [2])).toBeUndefined();
    expect(rankCorrelation([3, 3, 3], [1, 2, 3])).toBeUndefined();
  });

  it("refuses lists of different lengths", () => {
    expect(() => rankCorrelation([1, 2], [1])).toThrow(RangeError);
  });
});

const line = (count: number, from: number, to: number) =>
  Array.from({ length: count }, (_, at) => from + ((to - from) * at) / (count - 1));
const inOrder = (values: readonly number[], order: readonly number[]) => order.map((at) => values[at] as number);

/** How often the interval holds the truth, and how often only its lower end does. */
function covered(rates: readonly number[], means: readonly number[], items: number, times: number) {
  const random = randomOf(items);
  const truth = rankCorrelation(means, rates) as number;
  const near = 1e-9;
  let [both, lower] = [0, 0];
  for (let time = 0; time < times; time++) {
    const of = { rates, means, items, measured: 32, quantile: normalQuantile };
    const { proxies, outcomes } = rankedThings(random, of);
    const found = rankCorrelationInterval(proxies as SeedValues[], outcomes, { resamples: 200, seed: time });
    if ((found?.low ?? 2) <= truth + near) {
      lower += 1;
      if ((found?.high ?? -2) >= truth - near) both += 1;
    }
  }
  return { both: both / times, lower: lower / times };
}

describe("the interval of a rank correlation", () => {
  const shuffled = [3, 0, 7, 1, 5, 9, 2, 4, 12, 6, 14, 8, 10, 17, 11, 13, 16, 15];
  const unrelated = [5, 9, 0, 7, 11, 2, 6, 1, 10, 3, 8, 4];
  const cases: [string, readonly number[], readonly number[], number][] = [
    ["an order that is the same", line(9, 0.05, 0.6), line(9, -2, 2), 75],
    ["rates near to each other", line(9, 0.02, 0.1), line(9, -2, 2), 150],
    ["eighteen things, about alike", line(18, 0.02, 0.7), inOrder(line(18, -2, 2), shuffled), 150],
    ["numbers that have nothing to do with each other", line(12, 0.05, 0.5), inOrder(line(12, -1, 1), unrelated), 75],
    ["as few things as there may be", line(5, 0.1, 0.6), inOrder(line(5, -1, 1), [1, 0, 2, 4, 3]), 75],
  ];
  it.each(casesOf(cases, [cases[2] as (typeof cases)[number]]))(
    "holds the truth in 95 % of cases, and its lower end in 97.5 %: %s",
    (_, rates, means, items) => {
      const times = long ? 200 : 40;
      const { both, lower } = covered(rates, means, items, times);
      // two standard errors of the simulation
      expect(both).toBeGreaterThanOrEqual(0.95 - 2 * Math.sqrt((0.95 * 0.05) / times));
      expect(lower).toBeGreaterThanOrEqual(0.975 - 2 * Math.sqrt((0.975 * 0.025) / times));
    },
    600_000,
  );

  it.runIf(long)(
    "has a lower end that holds where five of nine things are truly equal, and a higher one that may be too low",
    () => {
      const { both, lower } = covered([0.03, 0.03, 0.03, 0.03, 0.03, 0.1, 0.2, 0.4, 0.6], line(9, -2, 2), 150, 200);
      expect(lower).toBeGreaterThanOrEqual(0.95);
      expect(both).toBeGreaterThanOrEqual(0.75);
      expect(both).toBeLessThan(0.95);
    },
    600_000,
  );

  it("says nothing of four things, and where one number does not differ; missing values leave their items", () => {
    const random = randomOf(3);
    const of = { rates: line(5, 0.1, 0.8), means: line(5, -1, 1), items: 60, measured: 20, quantile: normalQuantile };
    const { proxies, outcomes } = rankedThings(random, of);
    const all = proxies as SeedValues[];
    expect(rankCorrelationInterval(all.slice(0, 4), outcomes.slice(0, 4))).toBeUndefined();
    expect(
      rankCorrelationInterval(
        all,
        [1, 2, 3, 4, 5].map(() => outcomes[0] as SeedValues),
      ),
    ).toBeUndefined();
    const whole = rankCorrelationInterval(all, outcomes);
    expect(whole?.low).toBeLessThanOrEqual(whole?.value as number);
    expect(whole?.high).toBeGreaterThanOrEqual(whole?.value as number);
    expect(rankCorrelationInterval(all, outcomes, { weights: Array(60).fill(1 / 60) })).toEqual(whole);
    expect(() => rankCorrelationInterval(all, outcomes, { weights: [1] })).toThrow(/weights do not fit/);
    expect(() => rankCorrelationInterval(all, [...outcomes.slice(1), [[1]]])).toThrow(/not of the same items/);
  });
});
