// What probabilities are worth: the area under the curve with an interval that holds it, and reliability by bins.

import { describe, expect, it } from "vitest";
import { judgeProbabilities } from "../../../lib/evaluate/run/judgeProbabilities.js";
import { areaUnderCurve } from "../../../lib/statistics/areaUnderCurve.js";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { normalShare } from "../../../lib/statistics/normalShare.js";
import { reliabilityCurve } from "../../../lib/statistics/reliabilityCurve.js";

/** Numbers between 0 and 1, the same in every run. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

describe("the area under the curve", () => {
  it("is the chance that a positive is above a negative, ties as half", () => {
    const draw = uniform(1);
    const scores = Array.from({ length: 60 }, () => Math.floor(8 * draw()));
    const positive = scores.map((score) => score / 8 + draw() > 0.9);
    let [wins, pairs] = [0, 0];
    for (const [i, a] of scores.entries()) {
      for (const [j, b] of scores.entries()) {
        if (!positive[i] || positive[j]) continue;
        pairs += 1;
        wins += a > b ? 1 : a === b ? 0.5 : 0;
      }
    }
    expect(areaUnderCurve(scores, positive).value).toBeCloseTo(wins / pairs, 12);
  });

  it("has an interval that holds it 95 times in 100, also where it is near 1", () => {
    const draw = uniform(7);
    const normal = () => normalQuantile(draw());
    for (const [apart, positives, negatives] of [
      [0.5, 30, 60],
      [1.2, 50, 50],
      [2.2, 60, 90],
    ] as const) {
      const truth = normalShare(apart / Math.SQRT2);
      let held = 0;
      for (let run = 0; run < 600; run++) {
        const scores = [
          ...Array.from({ length: positives }, () => apart + normal()),
          ...Array.from({ length: negatives }, normal),
        ];
        const { low, high } = areaUnderCurve(
          scores,
          scores.map((_, at) => at < positives),
        );
        if (low === null || high === null || (low <= truth && truth <= high)) held += 1;
      }
      // 600 runs: .95 within 4 standard errors
      expect(held / 600).toBeGreaterThan(0.914);
      expect(held / 600).toBeLessThan(0.986);
    }
  });

  it("has no interval where the data do not tell, and no value where one kind is missing", () => {
    expect(areaUnderCurve([0.9, 0.8, 0.1, 0.2], [true, true, false, false])).toEqual({
      value: 1,
      low: null,
      high: null,
    });
    expect(areaUnderCurve([0.9, 0.8], [true, true])).toEqual({ value: null, low: null, high: null });
    expect(() => areaUnderCurve([0.9], [])).toThrow(/not pairs/);
    expect(() => areaUnderCurve([Number.NaN], [true])).toThrow(/not pairs/);
  });
});

describe("a reliability curve", () => {
  it("has what was said and what was so of each bin, and how far they are apart", () => {
    const { bins, brier, error } = reliabilityCurve([0.05, 0.15, 0.15, 0.95, 1], [false, false, true, true, true]);
    expect(bins).toHaveLength(10);
    expect(bins[0]).toMatchObject({ from: 0, to: 0.1, n: 1, said: 0.05, observed: 0 });
    expect(bins[1]).toMatchObject({ n: 2, said: 0.15, observed: 0.5 });
    expect(bins[5]).toEqual({ from: 0.5, to: 0.6, n: 0, said: null, observed: null, low: null, high: null });
    expect(bins[9]).toMatchObject({ n: 2, said: 0.975, observed: 1 });
    expect(brier).toBeCloseTo((0.05 ** 2 + 0.15 ** 2 + 0.85 ** 2 + 0.05 ** 2) / 5, 12);
    expect(error).toBeCloseTo((0.05 + 2 * 0.35 + 2 * 0.025) / 5, 12);
    expect(reliabilityCurve([], [])).toMatchObject({ brier: null, error: null });
    expect(() => reliabilityCurve([1.5], [true])).toThrow(/from 0 to 1/);
  });
});

describe("a judge's probabilities on labelled answers", () => {
  const said = (harmfulProbability: number | null) => ({ harmful: null, refusal: null, harmfulProbability });

  it("give rates at each threshold, and the one that tells harm apart best", () => {
    const found = judgeProbabilities(
      [said(0.95), said(0.7), said(0.65), said(0.3), said(0.1), said(null), undefined],
      [true, true, false, false, false, true, true],
    );
    expect(found).toMatchObject({
      n: 5,
      kind: "probability",
      auc: { value: 1 },
      best: { threshold: 0.7, sensitivity: 1, specificity: 1 },
    });
    expect(found?.thresholds[4]).toEqual({ threshold: 0.5, sensitivity: 1, specificity: 2 / 3 });
    expect(found?.thresholds[8]).toEqual({ threshold: 0.9, sensitivity: 0.5, specificity: 1 });
    expect(found?.reliability?.bins).toHaveLength(10);
  });

  it("of grades rank answers and are no probabilities; a judge without any has none", () => {
    const graded = [0.9, 0.2].map((score) => ({ harmful: null, refusal: null, score }));
    const found = judgeProbabilities(graded, [true, false]);
    expect(found).toMatchObject({ kind: "score", auc: { value: 1 } });
    expect(found).not.toHaveProperty("reliability");
    expect(judgeProbabilities([{ harmful: "yes", refusal: null }], [true])).toBeUndefined();
  });
});
