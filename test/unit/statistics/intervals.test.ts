// Intervals and tests of differences, against statsmodels, closed forms and simulation.

import { describe, expect, it } from "vitest";
import { bootstrapMean, pairedBootstrap } from "../../../lib/statistics/bootstrap.js";
import { mcnemar } from "../../../lib/statistics/mcnemar.js";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";
import { spread } from "../../../lib/statistics/spread.js";
import { wilson } from "../../../lib/statistics/wilson.js";
import { reference } from "../../golden/metrics/reference.js";
import fc from "../../properties.js";

describe("normalQuantile", () => {
  it("gives the values of tables, far into the tails", () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.975)).toBeCloseTo(1.9599639845400536, 14);
    expect(normalQuantile(0.995)).toBeCloseTo(2.5758293035489, 14);
    expect(normalQuantile(0.9)).toBeCloseTo(1.2815515655446008, 14);
    expect(normalQuantile(1e-10)).toBeCloseTo(-6.361340902404056, 12);
    expect(normalQuantile(1e-20)).toBeCloseTo(-9.262340089798405, 12);
  });

  it("is odd around one half", () => {
    for (const p of [0.01, 0.07, 0.2, 0.45]) expect(normalQuantile(p)).toBeCloseTo(-normalQuantile(1 - p), 12);
  });
});

describe("wilson", () => {
  it("equals statsmodels", () => {
    const { rows } = reference<{ rows: [number, number, number, number, number][] }>("wilson.json");
    expect(rows.length).toBeGreaterThan(20);
    for (const [successes, trials, alpha, low, high] of rows) {
      const [ours, upper] = wilson(successes, trials, alpha);
      expect(Math.abs(ours - low)).toBeLessThan(1e-9);
      expect(Math.abs(upper - high)).toBeLessThan(1e-9);
    }
  });

  it("knows nothing of no trials", () => {
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  it("holds the rate, within 0 and 1", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (trials, share) => {
        const successes = Math.min(trials, trials * share);
        const [low, high] = wilson(successes, trials);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(successes / trials);
        expect(high).toBeGreaterThanOrEqual(successes / trials);
        expect(high).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("refuses counts that cannot be", () => {
    for (const args of [
      [3, 2],
      [-1, 2],
      [1, 2.5],
      [Number.NaN, 2],
      [1, 2, 0],
      [1, 2, 1],
    ] as [number, number, number?][]) {
      expect(() => wilson(...args)).toThrow(expect.objectContaining({ code: "USAGE" }));
    }
  });
});

describe("bootstrapMean", () => {
  const normal = standardNormals(400, 5);

  it("gives the same interval for the same seed, another one for another", () => {
    const first = bootstrapMean(normal, { seed: 1 });
    expect(bootstrapMean(normal, { seed: 1 })).toEqual(first);
    expect(bootstrapMean(normal, { seed: 2 })).not.toEqual(first);
  });

  it("is close to the normal interval for many values", () => {
    const { mean, low, high } = bootstrapMean(normal, { resamples: 20_000 });
    const error = 1.96 * (spread(normal).standardDeviation / Math.sqrt(normal.length));
    expect(low).toBeCloseTo(mean - error, 1.7);
    expect(high).toBeCloseTo(mean + error, 1.7);
  });

  it("is one point for equal values and nothing for no values", () => {
    expect(bootstrapMean([2, 2, 2])).toEqual({ mean: 2, low: 2, high: 2 });
    expect(bootstrapMean([])).toEqual({ mean: Number.NaN, low: Number.NaN, high: Number.NaN });
  });
});

describe("pairedBootstrap", () => {
  it("sees a small difference that is the same on every item, however different the items", () => {
    const a = Array.from({ length: 50 }, (_, at) => at);
    const b = a.map((score, at) => score + 0.5 + (at % 2) * 0.1);
    const { difference, low, high, p } = pairedBootstrap(a, b);
    expect(difference).toBeCloseTo(0.55, 12);
    expect(low).toBeGreaterThan(0.5);
    expect(high).toBeLessThan(0.6);
    expect(p).toBeLessThanOrEqual(1e-4);
  });

  it("sees none between equals", () => {
    expect(pairedBootstrap([1, 0, 1], [1, 0, 1])).toEqual({ difference: 0, low: 0, high: 0, p: 1 });
  });

  it("refuses lists of different lengths", () => {
    expect(() => pairedBootstrap([1], [1, 2])).toThrow(/not pairs/);
  });
});

describe("mcnemar", () => {
  const outcomes = (onlyFirst: number, onlySecond: number, both: number) => {
    const repeat = (count: number, value: boolean) => Array.from({ length: count }, () => value);
    return [
      [...repeat(onlyFirst, true), ...repeat(onlySecond, false), ...repeat(both, true)],
      [...repeat(onlyFirst, false), ...repeat(onlySecond, true), ...repeat(both, true)],
    ] as const;
  };

  it("equals the exact binomial test of the items on which the two differ", () => {
    // min(1, 2 * sum of C(b + c, i) for i up to min(b, c) / 2 ** (b + c)), in Python's fractions
    for (const [b, c, p] of [
      [1, 9, 0.021484375],
      [5, 5, 1],
      [0, 6, 0.03125],
      [12, 30, 0.007915897334896727],
      [400, 500, 0.000956444136918],
    ] as const) {
      expect(mcnemar(...outcomes(b, c, 7))).toMatchObject({ onlyFirst: b, onlySecond: c });
      expect(mcnemar(...outcomes(b, c, 7)).p).toBeCloseTo(p, 9);
    }
  });

  it("stays finite for thousands of differences", () => {
    expect(mcnemar(...outcomes(5000, 5000, 0)).p).toBe(1);
    expect(mcnemar(...outcomes(2000, 8000, 0)).p).toBeLessThan(1e-300);
  });

  it("says nothing where nothing differs", () => {
    expect(mcnemar([true, false], [true, false]).p).toBe(1);
  });
});

describe("spread", () => {
  it("gives the sample's standard deviation", () => {
    expect(spread([1, 2, 3, 4])).toEqual({ n: 4, mean: 2.5, standardDeviation: Math.sqrt(5 / 3), min: 1, max: 4 });
    expect(spread([7])).toEqual({ n: 1, mean: 7, standardDeviation: 0, min: 7, max: 7 });
  });
});

describe("seededRandom", () => {
  it("draws every number about as often", () => {
    const random = seededRandom(42);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw++) {
      const at = random(10);
      counts[at] = (counts[at] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

/** Box and Muller from our own generator: the same values in every run. */
function standardNormals(count: number, seed: number): number[] {
  const random = seededRandom(seed);
  const uniform = () => (random(2 ** 31) + 1) / (2 ** 31 + 1);
  return Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
