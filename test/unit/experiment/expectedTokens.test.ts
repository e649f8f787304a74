// How long answers are expected to be, from some that were cut off early.

import { expect, it } from "vitest";
import { expectedTokens } from "../../../lib/experiment/plan/expectedTokens.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";

const cut = (lengths: readonly number[], at: number) =>
  lengths.map((tokens) => ({ tokens: Math.min(tokens, at), ended: tokens <= at }));
const meanUpTo = (lengths: readonly number[], most: number) =>
  lengths.reduce((sum, one) => sum + Math.min(one, most), 0) / lengths.length;

it("is the mean where nothing is cut off, and the limit where nothing ends or nothing was asked", () => {
  expect(expectedTokens(cut([4, 8, 12], 100), 100)).toBe(8);
  expect(expectedTokens(cut([4, 8, 50], 10), 10)).toBeCloseTo(22 / 3);
  expect(expectedTokens(cut([50, 60], 16), 48)).toBe(48);
  expect(expectedTokens([], 48)).toBe(48);
});

it("is within a tenth of the mean where lengths are exponential and most answers were cut off", () => {
  const random = seededRandom(7);
  for (const mean of [20, 60, 200]) {
    const lengths = Array.from({ length: 4000 }, () => 1 + Math.floor(-mean * Math.log(1 - random(1e6) / 1e6)));
    const expected = expectedTokens(cut(lengths, 16), 256);
    expect(Math.abs(expected / meanUpTo(lengths, 256) - 1)).toBeLessThan(0.1);
  }
});
