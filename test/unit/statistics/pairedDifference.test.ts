// The bound that non-inferiority is read from.

import { describe, expect, it } from "vitest";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import fc from "../../properties.js";

/** One seed of zeros and ones, of which the two models got so many. */
function counts(both: number, onlyFirst: number, onlySecond: number, neither: number): [number[], number[]] {
  const repeat = (count: number, value: number) => Array.from({ length: count }, () => value);
  return [
    [...repeat(both, 1), ...repeat(onlyFirst, 1), ...repeat(onlySecond, 0), ...repeat(neither, 0)],
    [...repeat(both, 1), ...repeat(onlyFirst, 0), ...repeat(onlySecond, 1), ...repeat(neither, 0)],
  ];
}

const outcome = fc.constantFrom(0, 1);
const rows = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3 })).chain(([n, seeds]) =>
  fc.record({
    a: fc.array(fc.array(outcome, { minLength: n, maxLength: n }), { minLength: 1, maxLength: 1 }),
    b: fc.array(fc.array(outcome, { minLength: n, maxLength: n }), { minLength: seeds, maxLength: seeds }),
  }),
);

describe("pairedDifference", () => {
  it("passes without a discordant answer from 133 items on for a margin of .02, 52 for .05, 25 for .1", () => {
    const high = (n: number) => pairedDifference(...same(n), { side: "upper" }).high;
    const same = (n: number): [number[][], number[][]] => [[counts(n, 0, 0, 0)[0]], [counts(n, 0, 0, 0)[1]]];
    for (const [margin, n] of [
      [0.02, 133],
      [0.05, 52],
      [0.1, 25],
    ] as const) {
      expect(high(n)).toBeLessThanOrEqual(margin);
      expect(high(n - 1)).toBeGreaterThan(margin);
    }
  });

  it("counts what the two have in common for nothing: only discordant items and their number matter", () => {
    const [a, b] = counts(100, 4, 9, 37);
    const [c, d] = counts(0, 4, 9, 137);
    expect(pairedDifference([a], [b])).toEqual(pairedDifference([c], [d]));
  });

  it("is mirrored where the two change places", () => {
    const [a, b] = counts(20, 4, 9, 37);
    const [there, back] = [pairedDifference([a], [b]), pairedDifference([b], [a])];
    expect(there.low).toBeCloseTo(-back.high, 12);
    expect(there.high).toBeCloseTo(-back.low, 12);
    expect(pairedDifference([a], [b], { side: "upper" }).high).toBeCloseTo(
      -pairedDifference([b], [a], { side: "lower" }).low,
      12,
    );
  });

  it("is one-sided at .95 where two-sided is at .9, and says nothing of the other end", () => {
    const [a, b] = counts(20, 4, 9, 37);
    for (const second of [[b], [b, a, b]]) {
      const both = pairedDifference([a], second, { level: 0.9 });
      const { low: lowest, high } = pairedDifference([a], second, { side: "upper" });
      const { low, high: highest } = pairedDifference([a], second, { side: "lower" });
      expect([low, high]).toEqual([both.low, both.high]);
      expect([lowest, highest]).toEqual([-1, 1]);
    }
  });

  it("adds half an item at +1, half at -1 and one at 0 for several seeds", () => {
    const a = [[0, 0, 1, 0, 1, 0, 0, 1]];
    const b = [
      [1, 0, 1, 0, 1, 0, 0, 1],
      [1, 0, 1, 1, 0, 0, 0, 1],
    ];
    const differences = [1, 0, 0, 0.5, -0.5, 0, 0, 0];
    const total = differences.length + 2;
    const centre = 1 / total;
    const variance = (1 + 0.25 + 0.25 + 0.5 + 0.5) / total - centre ** 2;
    const { value, high, method, n } = pairedDifference(a, b, { side: "upper" });
    expect({ value, method, n }).toEqual({ value: 1 / 8, method: "agresti-min", n: 8 });
    expect(high).toBeCloseTo(centre + 1.6448536269514722 * Math.sqrt(variance / total), 12);
  });

  it("leaves a missing verdict to its seed, and an item that one model never answered out", () => {
    const a = [[0, 1, 0, null, 1]];
    const b = [
      [1, 1, 0, 1, null],
      [0, 1, null, 1, null],
    ];
    // of the first seed 1/3, of the second 0/2
    expect(pairedDifference(a, b)).toMatchObject({ value: 1 / 6, n: 3 });
  });

  it("compares the seeds of the one with those of the other, where both have as many", () => {
    const [x, y] = counts(20, 4, 9, 37);
    expect(pairedDifference([x, y], [x, y])).toMatchObject({ value: 0, high: pairedDifference([x, x], [x, x]).high });
    const unmatched = pairedDifference([x, y], [x, y, y]);
    expect(unmatched.method).toBe("agresti-min");
    expect(unmatched.value).toBeCloseTo((5 / 70) * (2 / 3 - 1 / 2), 12);
  });

  it("takes weights, and as many equal ones for none", () => {
    const [a, b] = counts(20, 4, 9, 37);
    const equal = a.map(() => 1 / a.length);
    expect(pairedDifference([a], [b], { weights: equal })).toEqual(pairedDifference([a], [b]));
    // of two tasks, of 10 and of 60 items, each half
    const weights = a.map((_, at) => (at < 10 ? 1 / 20 : 1 / 120));
    const groups = a.map((_, at) => (at < 10 ? 0 : 1));
    const { value, method } = pairedDifference([a], [b], { weights, groups });
    expect(value).toBeCloseTo(5 / 120, 12);
    expect(method).toBe("agresti-min");
  });

  it("has narrower bounds where groups that differ are asked for as they are", () => {
    const a = [Array.from({ length: 40 }, () => 0)];
    const b = [Array.from({ length: 40 }, (_, at) => (at < 20 ? 0.9 + (at % 2) / 10 : (at % 2) / 10))];
    const groups = Array.from({ length: 40 }, (_, at) => Math.floor(at / 20));
    const [within, over] = [pairedDifference(a, b, { groups }), pairedDifference(a, b)];
    expect(within.high - within.low).toBeLessThan((over.high - over.low) / 2);
  });

  it("takes Student's t for values beyond 0 to 1, which have no bounds of their own", () => {
    const { value, low, high, method } = pairedDifference([[2, 3, 5]], [[1, 3, 2]]);
    expect({ value, method }).toEqual({ value: -4 / 3, method: "t" });
    // scipy.stats.ttest_1samp([-1, 0, -3], 0).confidence_interval()
    expect(low).toBeCloseTo(-5.12791636693, 8);
    expect(high).toBeCloseTo(2.461249700263, 8);
    expect(pairedDifference([[2, 3, 5]], [[1, 3, 2]], { side: "upper" }).low).toBe(Number.NEGATIVE_INFINITY);
  });

  it("holds the value, within -1 and 1, and is wider for more confidence", () => {
    fc.assert(
      fc.property(rows, ({ a, b }) => {
        const { value, low, high } = pairedDifference(a, b);
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(high).toBeLessThanOrEqual(1);
        const wide = pairedDifference(a, b, { level: 0.99 });
        expect(wide.low).toBeLessThanOrEqual(low);
        expect(wide.high).toBeGreaterThanOrEqual(high);
      }),
    );
  });

  it("knows nothing of no items", () => {
    expect(pairedDifference([[null]], [[1]])).toEqual({ value: Number.NaN, low: -1, high: 1, n: 0, method: "tango" });
    expect(pairedDifference([], [])).toMatchObject({ value: Number.NaN, n: 0 });
  });

  it("refuses rows of other items, weights of others, and levels that are none", () => {
    const usage = expect.objectContaining({ code: "USAGE" });
    expect(() => pairedDifference([[1]], [[1, 0]])).toThrow(usage);
    expect(() => pairedDifference([[1]], [[1], [0, 1]])).toThrow(usage);
    expect(() => pairedDifference([[1, 0]], [[1, 0]], { weights: [1] })).toThrow(usage);
    expect(() => pairedDifference([[1, 0]], [[1, 0]], { weights: [2, -1] })).toThrow(usage);
    expect(() => pairedDifference([[1]], [[1]], { level: 95 })).toThrow(usage);
  });
});
