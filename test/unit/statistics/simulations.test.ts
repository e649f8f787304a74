// How often the statistics of a choice are wrong where the truth is known. For one tuning the sum over all outcomes, for
// several simulations with a seed; `npm run bench -- choice` makes more and larger ones.

import { describe, expect, it } from "vitest";
import { crossedInterval } from "../../../lib/statistics/crossedInterval.js";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import { slopeOverLambda } from "../../../lib/statistics/slopeOverLambda.js";
import { tangoBound } from "../../../lib/statistics/tangoBound.js";
import { acceptedOfAll, additiveTunings, curves, pairs, randomOf, share, thresholdTunings } from "./simulated.mjs";

const upper = (counts: Parameters<typeof tangoBound>[0]) => tangoBound(counts, -normalQuantile(0.95));
const settings = [150, 520].flatMap((n) => [0.02, 0.2, 0.76].map((rate) => ({ n, rate })));

/** In what share of cases the interval of three tunings holds the method's rate. */
function covered(over: "new" | "these", rate: number, make: () => number[][], times = 300): number {
  return share(times, () => {
    const interval = crossedInterval(make(), { over });
    return interval !== undefined && interval.low <= rate && rate <= interval.high;
  });
}

describe("a merge at the margin, which is just too unsafe", () => {
  it("passes in at most 6 % of cases with one tuning", () => {
    for (const { n, rate } of settings) {
      for (const margin of [0.02, 0.05, 0.1]) {
        for (const back of [0, 0.01, 0.04].filter((one) => one <= rate)) {
          const accepted = acceptedOfAll({ n, margin, onlyFirst: back, onlySecond: back + margin }, upper);
          expect(accepted, `n ${n}, rate ${rate}, margin ${margin}, back ${back}`).toBeLessThanOrEqual(0.06);
          expect(accepted).toBeGreaterThan(0.02);
        }
      }
    }
  });

  it("passes as often where its answers are given item by item", () => {
    const random = randomOf(17);
    const accepted = share(2000, () => {
      const { aligned, merged } = pairs(random, { n: 150, rate: 0.2, seeds: 1, up: 0.09, back: 0.04, alike: 0 });
      return pairedDifference(aligned, merged, { side: "upper" }).high <= 0.05;
    });
    const exact = acceptedOfAll({ n: 150, margin: 0.05, onlyFirst: 0.04, onlySecond: 0.09 }, upper);
    // three standard errors
    expect(Math.abs(accepted - exact)).toBeLessThan(0.015);
  });

  it("passes in at most 7.5 % of cases with three", () => {
    const margin = 0.05;
    for (const [at, { n, rate }] of settings.entries()) {
      const random = randomOf(at);
      const accepted = share(1200, () => {
        const { aligned, merged } = pairs(random, { n, rate, seeds: 3, up: margin + 0.01, back: 0.01, alike: 0.5 });
        return pairedDifference(aligned, merged, { side: "upper" }).high <= margin;
      });
      expect(accepted, `n ${n}, rate ${rate}`).toBeLessThanOrEqual(0.075);
      expect(accepted, `n ${n}, rate ${rate}`).toBeGreaterThan(0.02);
    }
  });
});

describe("a merge as safe as the aligned model", () => {
  it("passes with 8 flips in a hundred and 150 items in 66 % for a margin of .05, and in 99 % for .1", () => {
    const flips = { n: 150, onlyFirst: 0.04, onlySecond: 0.04 };
    expect(acceptedOfAll({ ...flips, margin: 0.05 }, upper)).toBeCloseTo(0.663, 3);
    expect(acceptedOfAll({ ...flips, margin: 0.1 }, upper)).toBeCloseTo(0.99, 2);
  });

  it("passes more often with three tunings, whose flips are not the same", () => {
    const random = randomOf(1);
    const accepted = share(400, () => {
      const flips = { n: 150, rate: 0.76, seeds: 3, up: 0.04, back: 0.04, alike: 0.5 };
      const { aligned, merged } = pairs(random, flips);
      return pairedDifference(aligned, merged, { side: "upper" }).high <= 0.05;
    });
    expect(accepted).toBeGreaterThan(0.8);
  });
});

describe("intervals of three tunings", () => {
  it("hold the method's rate in 90 % of cases where they are of a new tuning, and not where they are of these", () => {
    for (const [at, rate] of [0.2, 0.5, 0.76].entries()) {
      const random = randomOf(at);
      const make = () => additiveTunings(random, { rate, deviation: 0.07, n: 850, seeds: 3 });
      expect(covered("new", rate, make), `rate ${rate}`).toBeGreaterThanOrEqual(0.9);
      const these = covered("these", rate, make, 100);
      expect(these, `rate ${rate}`).toBeGreaterThan(0.3);
      expect(these, `rate ${rate}`).toBeLessThan(0.6);
    }
  });

  it("hold low and high rates too, where tunings differ by a threshold", () => {
    for (const [at, rate] of [0.02, 0.76].entries()) {
      const random = randomOf(at);
      const truth = { centre: normalQuantile(rate), ofItems: 1, ofSeeds: 0.3, n: 520, seeds: 3 };
      const make = () => thresholdTunings(random, truth);
      expect(covered("new", rate, make), `rate ${rate}`).toBeGreaterThanOrEqual(0.9);
    }
  });
});

describe("a rate that does not rise with lambda", () => {
  it("is called rising or falling in at most 6 % of cases, however alike neighbouring lambdas are", () => {
    for (const count of [4, 9, 11]) {
      const random = randomOf(count);
      const lambdas = Array.from({ length: count }, (_, at) => (at + 1) / (count + 1));
      const called = share(1000, () => {
        const values = curves(random, { lambdas, n: 150, alike: 0.8, rise: 0 });
        return (slopeOverLambda(values, lambdas, { flips: 399 })?.p ?? 1) < 0.05;
      });
      expect(called, `${count} lambdas`).toBeLessThanOrEqual(0.06);
      expect(called, `${count} lambdas`).toBeGreaterThan(0.02);
    }
  });

  it("is told from one that does", () => {
    const lambdas = [0.2, 0.4, 0.6, 0.8];
    const random = randomOf(2);
    const called = share(200, () => {
      const values = curves(random, { lambdas, n: 150, alike: 0.8, rise: 0.7 });
      const slope = slopeOverLambda(values, lambdas, { flips: 399 });
      return slope !== undefined && slope.p < 0.05 && slope.low > 0;
    });
    expect(called).toBeGreaterThan(0.7);
  });
});
