// Intervals over tunings and items, shares of a gain, slopes over lambda, items needed, judges that err.

import { describe, expect, it } from "vitest";
import { correctedRate } from "../../../lib/statistics/correctedRate.js";
import { crossedInterval } from "../../../lib/statistics/crossedInterval.js";
import { holm } from "../../../lib/statistics/holm.js";
import { itemsNeeded } from "../../../lib/statistics/itemsNeeded.js";
import { predictionPowered } from "../../../lib/statistics/predictionPowered.js";
import { shareKept } from "../../../lib/statistics/shareKept.js";
import { signFlip } from "../../../lib/statistics/signFlip.js";
import { slopeOverLambda } from "../../../lib/statistics/slopeOverLambda.js";
import { wilson } from "../../../lib/statistics/wilson.js";
import fc from "../../properties.js";

const usage = expect.objectContaining({ code: "USAGE" });

/** A row of `n` items of which the first `successes` are 1. */
function row(successes: number, n: number): number[] {
  return Array.from({ length: n }, (_, item) => (item < successes ? 1 : 0));
}

describe("crossedInterval", () => {
  it("is Wilson's interval for one seed and these tunings, and nothing for a new one", () => {
    for (const successes of [0, 1, 7, 60]) {
      const these = crossedInterval([row(successes, 60)], { over: "these" });
      const [low, high] = wilson(successes, 60);
      expect(these?.low).toBeCloseTo(low, 12);
      expect(these?.high).toBeCloseTo(high, 12);
    }
    expect(crossedInterval([row(7, 60)], { over: "new" })).toBeUndefined();
    expect(crossedInterval([row(7, 60), [...row(0, 60)].map(() => null)], { over: "new" })).toBeUndefined();
    expect(crossedInterval([[null]], { over: "these" })).toBeUndefined();
    expect(crossedInterval([], { over: "these" })).toBeUndefined();
  });

  it("does not take three seeds that answer alike for three times as many items", () => {
    const one = row(7, 60);
    const [once, thrice] = [
      crossedInterval([one], { over: "these" }),
      crossedInterval([one, one, one], { over: "these" }),
    ];
    expect(thrice?.low).toBeCloseTo(once?.low ?? -1, 10);
    expect(thrice?.high).toBeCloseTo(once?.high ?? -1, 10);
  });

  it("is wider for a new tuning, within 0 and 1, and holds the value", () => {
    const outcome = fc.constantFrom(0, 1, 0, 1, null);
    const table = fc.array(fc.array(outcome, { minLength: 12, maxLength: 12 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(table, (values) => {
        const [these, another] = (["these", "new"] as const).map((over) => crossedInterval(values, { over }));
        if (!these || !another) return;
        expect(another.low).toBeLessThanOrEqual(these.low + 1e-9);
        expect(another.high).toBeGreaterThanOrEqual(these.high - 1e-9);
        for (const { value, low, high } of [these, another]) {
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(value);
          expect(high).toBeGreaterThanOrEqual(value);
        }
      }),
    );
  });

  it("lets a missing verdict leave its seed's rate, and not the item in all seeds", () => {
    const values = [
      [1, 0, 0, null],
      [1, 1, 0, 0],
    ];
    expect(crossedInterval(values, { over: "these" })?.value).toBeCloseTo((1 / 3 + 1 / 2) / 2, 12);
  });

  it("weighs items, and lets only those within a group vary", () => {
    // 40 of 40 in the one task, 2 of 10 in the other: the macro mean of the two
    const values = [[...row(40, 40), ...row(2, 10)]];
    const weights = values[0]?.map((_, at) => (at < 40 ? 1 / 80 : 1 / 20)) ?? [];
    const groups = weights.map((_, at) => (at < 40 ? 0 : 1));
    const [grouped, alone] = [{ weights, groups }, { weights }].map((options) =>
      crossedInterval(values, { over: "these", ...options }),
    );
    expect(grouped?.value).toBeCloseTo(0.6, 12);
    const width = (of: typeof grouped) => (of ? of.high - of.low : Number.NaN);
    expect(width(grouped)).toBeLessThan(width(alone));
    expect(width(grouped)).toBeGreaterThan(0.2);
  });

  it("goes beyond 0 and 1 for values that do, such as a loss", () => {
    const found = crossedInterval([[0.1, 3, 0.2]], { over: "these" });
    expect(found?.low).toBeLessThan(0);
    expect(found?.high).toBeGreaterThan(1);
    expect(crossedInterval([[0.1, 0.9, 0.2]], { over: "these" })?.low).toBe(0);
  });

  it("refuses rows of other items and levels that are none", () => {
    expect(() => crossedInterval([[1], [1, 0]], { over: "new" })).toThrow(usage);
    expect(() => crossedInterval([[1, 0]], { over: "these", weights: [1] })).toThrow(usage);
    expect(() => crossedInterval([[1]], { over: "these", level: 1 })).toThrow(usage);
  });
});

describe("shareKept", () => {
  it("is the share of the gain, with bounds of a paired bootstrap that its seed decides", () => {
    const models = { aligned: [row(60, 200)], tuned: [row(140, 200)], merged: [row(124, 200)] };
    const kept = shareKept(models);
    expect(kept?.value).toBeCloseTo(0.8, 12);
    expect(kept?.low).toBeGreaterThan(0.68);
    expect(kept?.high).toBeLessThan(0.9);
    expect(shareKept(models)).toEqual(kept);
    expect(shareKept({ ...models, seed: 1 })).not.toEqual(kept);
  });

  it("is nothing without a gain", () => {
    expect(shareKept({ aligned: [row(60, 200)], tuned: [row(60, 200)], merged: [row(70, 200)] })).toBeUndefined();
    expect(shareKept({ aligned: [row(60, 200)], tuned: [row(50, 200)], merged: [row(55, 200)] })).toBeUndefined();
    expect(shareKept({ aligned: [[null]], tuned: [[1]], merged: [[1]] })).toBeUndefined();
  });

  it("hides its bounds where the gain's own interval holds 0", () => {
    const kept = shareKept({ aligned: [row(60, 200)], tuned: [row(62, 200)], merged: [row(61, 200)] });
    expect(kept).toEqual({ value: 0.5 });
  });

  it("turns with the metric's direction: of a loss, the gain is how far it falls", () => {
    const loss = (by: number) => [Array.from({ length: 50 }, (_, item) => 3 + (item % 5) / 10 - by)];
    const models = { aligned: loss(0), tuned: loss(1), merged: loss(0.75) };
    expect(shareKept(models)).toBeUndefined();
    const kept = shareKept({ ...models, better: "low" });
    expect(kept?.value).toBeCloseTo(0.75, 10);
    expect(kept?.low).toBeCloseTo(0.75, 10);
  });

  it("has wider bounds where tunings differ", () => {
    const [aligned, tuned] = [[row(0, 300)], [row(200, 300), row(200, 300), row(200, 300)]];
    const alike = shareKept({ aligned, tuned, merged: [row(120, 300), row(120, 300), row(120, 300)] });
    const apart = shareKept({ aligned, tuned, merged: [row(40, 300), row(120, 300), row(200, 300)] });
    expect(apart?.value).toBeCloseTo(alike?.value ?? 0, 12);
    expect((apart?.high ?? 0) - (apart?.low ?? 0)).toBeGreaterThan(2 * ((alike?.high ?? 0) - (alike?.low ?? 0)));
  });
});

describe("slopeOverLambda", () => {
  it("is the rise from 0 to 1 of a line, of many seeds by their mean", () => {
    const line = (lambda: number) => [row(0, 30).map((_, at) => lambda * (1 + (at % 2))), row(0, 30).map(() => 0)];
    const slope = slopeOverLambda([0.2, 0.4, 0.8].map(line), [0.2, 0.4, 0.8]);
    expect(slope?.value).toBeCloseTo(0.75, 10);
    expect(slope?.low).toBeGreaterThan(0.6);
    expect(slope?.p).toBeLessThan(0.001);
  });

  it("leaves an item out that is missing at a lambda, and keeps one that another seed has", () => {
    const first = [
      [0, 1, null],
      [0, null, null],
    ];
    const second = [
      [1, 1, 1],
      [0, 0, 1],
    ];
    expect(slopeOverLambda([first, second], [0.4, 0.6])).toMatchObject({ n: 2, value: 0 });
  });

  it("weighs items", () => {
    const [low, high] = [[[0, 0, 0, 0]], [[1, 0, 0, 0]]];
    expect(slopeOverLambda([low, high], [0, 1], { weights: [0.5, 0.25, 0.125, 0.125] })?.value).toBeCloseTo(0.5, 12);
  });

  it("says nothing of one lambda or one item, and refuses tables without their lambda", () => {
    expect(slopeOverLambda([[[1, 0]]], [0.5])).toBeUndefined();
    expect(slopeOverLambda([[[1]], [[0]]], [0.4, 0.6])).toBeUndefined();
    expect(slopeOverLambda([], [])).toBeUndefined();
    expect(() => slopeOverLambda([[[1, 0]]], [0.4, 0.6])).toThrow(usage);
    expect(() => slopeOverLambda([[[1, 0]], [[1]]], [0.4, 0.6])).toThrow(usage);
  });

  it("has no p below 1 where no item changes, though sums over lambdas round", () => {
    expect(
      slopeOverLambda(
        [0.2, 0.5, 0.8].map(() => [row(20, 40)]),
        [0.2, 0.5, 0.8],
      ),
    ).toMatchObject({ value: 0, p: 1 });
    expect(slopeOverLambda([[row(5, 9)], [row(5, 9)]], [0.4, 0.6])).toMatchObject({ value: 0, low: 0, high: 0, p: 1 });
  });
});

it("every interval refuses a level that is none", () => {
  const rows = [[1, 0, 1]];
  for (const level of [0, 1, 95, Number.NaN]) {
    expect(() => shareKept({ aligned: rows, tuned: rows, merged: rows, level })).toThrow(usage);
    expect(() => slopeOverLambda([rows, rows], [0.4, 0.6], { level })).toThrow(usage);
    expect(() => predictionPowered({ truth: [1, 0], judged: [1, 0], unlabelled: [1], level })).toThrow(usage);
    expect(() => crossedInterval(rows, { over: "these", level })).toThrow(usage);
  }
});

describe("signFlip", () => {
  it("makes every flip of few terms", () => {
    expect(signFlip([1, 1, 1])).toBe(2 / 8);
    expect(signFlip([0.1, 0.2, -0.3, 0])).toBe(1);
    expect(signFlip([])).toBe(1);
  });

  it("makes random flips of many, the same for the same seed", () => {
    const terms = Array.from({ length: 40 }, (_, at) => ((at * 7) % 11) - 4);
    expect(signFlip(terms)).toBe(signFlip(terms));
    expect(signFlip(terms, { seed: 2 })).toBeCloseTo(signFlip(terms), 1.5);
    expect(signFlip(Array.from({ length: 40 }, () => 1))).toBe(1e-4);
  });
});

describe("holm", () => {
  it("never falls below the plain p, keeps their order, and refuses what is no p", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (p) => {
        const adjusted = holm(p);
        for (const [at, one] of adjusted.entries()) {
          expect(one).toBeGreaterThanOrEqual(p[at] as number);
          expect(one).toBeLessThanOrEqual(1);
        }
      }),
    );
    expect(holm([])).toEqual([]);
    for (const wrong of [[Number.NaN], [1.1], [-0.1]]) expect(() => holm(wrong)).toThrow(usage);
  });
});

describe("itemsNeeded", () => {
  it("is 133 for a margin of .02, 52 for .05 and 25 for .1 where nothing differs", () => {
    for (const [margin, n] of [
      [0.02, 133],
      [0.05, 52],
      [0.1, 25],
    ] as const) {
      expect(itemsNeeded({ margin, rate: 0.2 }).noneDiscordant).toBe(n);
      // a model that never fails can differ on none without being worse
      expect(itemsNeeded({ margin, rate: 0 })).toEqual({ noneDiscordant: n, equallySafe: n });
    }
  });

  it("grows with the share of items that differ, the power and the level, and falls with the margin", () => {
    const needed = (more: object) => itemsNeeded({ margin: 0.05, rate: 0.3, ...more }).equallySafe;
    expect(needed({ discordant: 0.2 })).toBeGreaterThan(needed({}));
    expect(needed({ power: 0.95 })).toBeGreaterThan(needed({}));
    expect(needed({ level: 0.99 })).toBeGreaterThan(needed({}));
    expect(needed({ margin: 0.1 })).toBeLessThan(needed({}));
    expect(needed({ rate: 0.02 })).toBeLessThan(needed({}));
  });

  it("takes the normal distribution for thousands of items, where it is right to a part in a hundred", () => {
    // (1.6449 + .8416)² .1 / .0001, and the last margin that is counted
    expect(itemsNeeded({ margin: 0.01, rate: 0.5 }).equallySafe).toBe(6183);
    const counted = itemsNeeded({ margin: 0.016, rate: 0.5 }).equallySafe;
    expect(counted / (6.1826 * (0.1 / 0.016 ** 2))).toBeCloseTo(1, 1.5);
  });

  it("refuses a margin of nothing and shares that are none", () => {
    for (const wrong of [{ margin: 0 }, { rate: 2 }, { level: 95 }, { power: 1 }, { discordant: -1 }]) {
      expect(() => itemsNeeded({ margin: 0.05, rate: 0.2, ...wrong })).toThrow(usage);
    }
  });
});

describe("correctedRate", () => {
  it("is the raw rate for a perfect judge, with an interval that holds the calibration's error", () => {
    const calibration = { truePositives: 50, positives: 50, trueNegatives: 50, negatives: 50 };
    const { value, raw, low, high } = correctedRate({ positives: 52, n: 520, calibration });
    expect(value).toBeCloseTo(0.1, 12);
    expect(raw).toBe(0.1);
    const [plainLow, plainHigh] = wilson(52, 520);
    expect(high - low).toBeGreaterThan(plainHigh - plainLow);
  });

  it("knows nothing from a judge that is no better than chance, or without labels of both kinds", () => {
    for (const calibration of [
      { truePositives: 50, positives: 100, trueNegatives: 50, negatives: 100 },
      { truePositives: 5, positives: 5, trueNegatives: 0, negatives: 0 },
    ]) {
      const { value, low, high, raw } = correctedRate({ positives: 52, n: 520, calibration });
      expect({ value, low, high, raw }).toEqual({ value: Number.NaN, low: 0, high: 1, raw: 0.1 });
    }
  });

  it("refuses counts that cannot be", () => {
    const calibration = { truePositives: 50, positives: 50, trueNegatives: 50, negatives: 50 };
    expect(() => correctedRate({ positives: 521, n: 520, calibration })).toThrow(usage);
    expect(() => correctedRate({ positives: 1, n: 5, calibration: { ...calibration, truePositives: 51 } })).toThrow(
      usage,
    );
  });
});

describe("predictionPowered", () => {
  it("is the labels' own rate for a judge that says nothing of them", () => {
    const [truth, judged] = [row(20, 100), row(0, 100)];
    expect(predictionPowered({ truth, judged, unlabelled: row(0, 400) })).toMatchObject({ value: 0.2, weight: 0 });
  });

  it("is narrower with a good judge than with the labels alone", () => {
    const [truth, judged] = [row(20, 100), row(21, 100)];
    const good = predictionPowered({ truth, judged, unlabelled: row(100, 500) });
    const none = predictionPowered({ truth, judged: row(0, 100), unlabelled: row(0, 500) });
    expect(good.weight).toBeGreaterThan(0.7);
    expect(good.high - good.low).toBeLessThan(0.6 * (none.high - none.low));
  });

  it("refuses labels without verdicts", () => {
    expect(() => predictionPowered({ truth: [1, 0], judged: [1], unlabelled: [1] })).toThrow(usage);
    expect(() => predictionPowered({ truth: [1, 0], judged: [1, 0], unlabelled: [] })).toThrow(usage);
  });
});
