// lib/statistics against statsmodels, scipy, cigate, judgy and ppi-python.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { correctedRate, type JudgeCalibration } from "../../../lib/statistics/correctedRate.js";
import { crossedInterval } from "../../../lib/statistics/crossedInterval.js";
import { differenceAtEqualScore } from "../../../lib/statistics/differenceAtEqualScore.js";
import { holm } from "../../../lib/statistics/holm.js";
import { itemsNeeded } from "../../../lib/statistics/itemsNeeded.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import { predictionPowered } from "../../../lib/statistics/predictionPowered.js";
import { shareKept } from "../../../lib/statistics/shareKept.js";
import { slopeOverLambda } from "../../../lib/statistics/slopeOverLambda.js";
import { tangoBound } from "../../../lib/statistics/tangoBound.js";
import { tQuantile, tTail } from "../../../lib/statistics/tDistribution.js";
import { twoWay } from "../../../lib/statistics/twoWay.js";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";

function reference<Row>(name: string): Row[] {
  const rows = JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")) as Row[];
  expect(rows.length).toBeGreaterThan(0);
  return rows;
}

interface Interval {
  readonly low: number;
  readonly high: number;
}

describe("statistics, against the reference values", () => {
  it("have the t distribution of scipy", () => {
    for (const { df, p, t, tail } of reference<{ df: number; p: number; t: number; tail: number }>("t.json")) {
      expect(tQuantile(p, df) / t).toBeCloseTo(1, 10);
      expect(tTail(t, df) / tail).toBeCloseTo(1, 10);
      expect(tQuantile(1 - p, df)).toBeCloseTo(-tQuantile(p, df), 6);
    }
  });

  it("have Tango's bounds where a search of the likelihood finds them", () => {
    type Row = Interval & { onlyFirst: number; onlySecond: number; n: number; level: number };
    for (const { level, low, high, ...counts } of reference<Row>("tango.json")) {
      const z = normalQuantile(level);
      expect(tangoBound(counts, z)).toBeCloseTo(low, 8);
      expect(tangoBound(counts, -z)).toBeCloseTo(high, 8);
    }
  });

  it("have the bound with Agresti and Min's pseudo-observations that statsmodels gives for them", () => {
    for (const { a, b, low, high } of reference<Interval & { a: number[][]; b: number[][] }>("agrestiMin.json")) {
      const ours = pairedDifference(a, b, { level: 0.9 });
      expect(ours.low).toBeCloseTo(low, 12);
      expect(ours.high).toBeCloseTo(high, 12);
    }
  });

  it("have the variances of a table of seeds and items, and its intervals, of statsmodels and scipy", () => {
    type Row = Interval & {
      values: number[][];
      seeds: number;
      items: number;
      residual: number;
      theseLow: number;
      theseHigh: number;
    };
    for (const { values, low, high, theseLow, theseHigh, ...parts } of reference<Row>("crossed.json")) {
      const { seeds, items, residual } = twoWay(values);
      expect(seeds).toBeCloseTo(parts.seeds, 10);
      expect(items).toBeCloseTo(parts.items, 10);
      expect(residual).toBeCloseTo(parts.residual, 10);
      const another = crossedInterval(values, { over: "new" });
      expect(another?.low).toBeCloseTo(low, 9);
      expect(another?.high).toBeCloseTo(high, 9);
      const these = crossedInterval(values, { over: "these" });
      expect(these?.low).toBeCloseTo(theseLow, 9);
      expect(these?.high).toBeCloseTo(theseHigh, 9);
    }
  });

  it("have Wilson's interval of statsmodels for one seed of a rate", () => {
    for (const { values, low, high } of reference<Interval & { values: number[][] }>("wilson.json")) {
      const these = crossedInterval(values, { over: "these" });
      expect(these?.low).toBeCloseTo(low, 12);
      expect(these?.high).toBeCloseTo(high, 12);
    }
  });

  it("have the slopes of numpy, with scipy's interval and permutation test", () => {
    type Row = Interval & { values: number[][][]; lambdas: number[]; value: number; p: number; exact: boolean };
    for (const { values, lambdas, value, low, high, p, exact } of reference<Row>("slopes.json")) {
      const slope = slopeOverLambda(values, lambdas);
      expect(slope?.value).toBeCloseTo(value, 10);
      expect(slope?.low).toBeCloseTo(low, 10);
      expect(slope?.high).toBeCloseTo(high, 10);
      // of random flips both have an error, ours of 9999 by far the larger
      if (exact) expect(slope?.p).toBeCloseTo(p, 12);
      else expect(Math.abs((slope?.p ?? 1) - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 9999) + 2e-4);
    }
  });

  it("have Holm's adjusted p of statsmodels", () => {
    for (const { p, adjusted } of reference<{ p: number[]; adjusted: number[] }>("holm.json")) {
      const ours = holm(p);
      expect(ours).toHaveLength(adjusted.length);
      for (const [at, one] of adjusted.entries()) expect(ours[at]).toBeCloseTo(one, 12);
    }
  });

  it("have the corrected rates of cigate and of judgy", () => {
    type Row = Interval & {
      positives: number;
      n: number;
      level: number;
      calibration: JudgeCalibration;
      value: number;
      judgy?: number;
    };
    for (const { value, low, high, judgy, ...input } of reference<Row>("corrected.json")) {
      const ours = correctedRate(input);
      expect(ours.value).toBeCloseTo(value, 12);
      if (judgy !== undefined) expect(ours.value).toBeCloseTo(judgy, 12);
      // theirs need not hold the value
      expect(ours.low).toBeCloseTo(Math.min(low, value), 12);
      expect(ours.high).toBeCloseTo(Math.max(high, value), 12);
    }
  });

  it("have the prediction-powered rates of ppi-python", () => {
    type Row = Interval & { truth: number[]; judged: number[]; unlabelled: number[]; level: number; value: number };
    for (const { value, low, high, ...input } of reference<Row>("powered.json")) {
      const ours = predictionPowered(input);
      expect(ours.value).toBeCloseTo(value, 10);
      expect(ours.low).toBeCloseTo(low, 10);
      expect(ours.high).toBeCloseTo(high, 10);
    }
  });

  it("need as many items as sums of scipy's binomial distribution say", () => {
    type Row = Parameters<typeof itemsNeeded>[0] & { equallySafe: number };
    for (const { equallySafe, ...input } of reference<Row>("needed.json")) {
      expect(itemsNeeded(input).equallySafe).toBe(equallySafe);
    }
  });

  it("have the share kept of scipy's paired bootstrap, but for the draws", () => {
    type Row = Interval & { aligned: number[][]; tuned: number[][]; merged: number[][]; value: number };
    for (const { value, low, high, ...models } of reference<Row>("kept.json")) {
      const ours = shareKept({ ...models, resamples: 20_000 });
      expect(ours?.value).toBeCloseTo(value, 12);
      expect(Math.abs((ours?.low ?? 9) - low)).toBeLessThan(0.01);
      expect(Math.abs((ours?.high ?? 9) - high)).toBeLessThan(0.01);
    }
  });

  it("have the difference at equal score whose spread a bootstrap of both kinds of items finds", () => {
    type Row = Parameters<typeof differenceAtEqualScore>[0] & { value: number; deviation: number };
    for (const { value, deviation, ...models } of reference<Row>("equalScore.json")) {
      const ours = differenceAtEqualScore(models);
      expect(ours?.value).toBeCloseTo(value, 12);
      const width = ((ours?.high ?? 9) - (ours?.low ?? 0)) / 2 / normalQuantile(0.975);
      expect(width / deviation).toBeGreaterThan(0.98); // the bootstrap's own error is 0.5 %
      expect(width / deviation).toBeLessThan(1.06);
    }
  });
});
