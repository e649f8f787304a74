import { describe, expect, it } from "vitest";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { normalShare } from "../../../lib/statistics/normalShare.js";
import { boundsAt, spentLevels } from "../../../lib/statistics/spentLevels.js";
import { randomOf } from "./simulated.mjs";

describe("spentLevels", () => {
  it("has the bounds that are published for five looks and a one-sided 2.5 %", () => {
    // Lan and DeMets' function of O'Brien and Fleming's kind, as in tables and in R's gsDesign (sfLDOF)
    const shares = [0.2, 0.4, 0.6, 0.8, 1];
    const spent = shares.map((share) => 2 - 2 * normalShare(normalQuantile(1 - 0.025 / 2) / Math.sqrt(share)));
    const bounds = boundsAt(spent, shares).map(normalQuantile);
    for (const [at, published] of [4.8769, 3.3569, 2.6803, 2.2898, 2.031].entries()) {
      expect(bounds[at]).toBeCloseTo(published, 3);
    }
  });

  it("leaves the last look nearly all of the level", () => {
    for (const level of [0.95, 0.9875]) {
      const last = spentLevels(level, [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]).at(-1) as number;
      expect((1 - last) / (1 - level)).toBeGreaterThan(0.95);
      expect((1 - last) / (1 - level)).toBeLessThan(1);
    }
  });

  it("leaves a single look its whole level", () => {
    expect(spentLevels(0.95, [1])[0]).toBeCloseTo(0.95, 9);
  });

  it("lets a walk without drift cross at some look in as many cases as the level says", () => {
    const shares = [0.25, 0.5, 0.75, 1];
    const bounds = spentLevels(0.95, shares).map(normalQuantile);
    const random = randomOf(5);
    const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const times = 40000;
    let crossed = 0;
    for (let time = 0; time < times; time++) {
      let [walk, before] = [0, 0];
      const crosses = shares.map((share, at) => {
        walk += Math.sqrt(share - before) * normal();
        before = share;
        return walk / Math.sqrt(share) > (bounds[at] as number);
      });
      if (crosses.includes(true)) crossed += 1;
    }
    // three standard errors
    expect(Math.abs(crossed / times - 0.05)).toBeLessThan(0.0033);
  });

  it("refuses looks that do not rise to all items", () => {
    for (const shares of [[], [0.5], [0.5, 0.5, 1], [0, 1]]) {
      expect(() => spentLevels(0.95, shares)).toThrow("do not rise to 1");
    }
  });
});

describe("normalShare", () => {
  it("is the inverse of normalQuantile, in the tails too", () => {
    for (const share of [1e-12, 1e-6, 0.00621, 0.0063, 0.1, 0.5, 0.8, 0.99379, 0.9999]) {
      expect(normalShare(normalQuantile(share)) / share).toBeCloseTo(1, 10);
    }
    expect(normalShare(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(normalShare(Number.POSITIVE_INFINITY)).toBe(1);
  });
});
