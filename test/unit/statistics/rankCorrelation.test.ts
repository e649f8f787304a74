// Rank correlations: known values, and what they do not depend on.

import { describe, expect, it } from "vitest";
import { rankCorrelation } from "../../../lib/statistics/rankCorrelation.js";

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
