// The tests of a run, on data of which the answer is known.

import { describe, expect, it } from "vitest";
import type { EvaluatedPoint } from "../../../lib/experiment/candidates/point.js";
import { pairedTests, trendsOf } from "../../../lib/experiment/results/significance.js";
import type { Quantity } from "../../../lib/select/types.js";
import { holm } from "../../../lib/statistics/holm.js";
import { mcnemar } from "../../../lib/statistics/mcnemar.js";

type Values = (number | null)[][];

const quantity = (values: Values, more: Partial<Quantity> = {}): Quantity => ({ value: 0, values, ...more });
const row = (successes: number, n = 40) => Array.from({ length: n }, (_, item) => (item < successes ? 1 : 0));

describe("the paired tests of a run", () => {
  const model = (name: string, asr: Values, score: Values, more?: Partial<Quantity>) => ({
    name,
    measured: { asr: quantity(asr), score: quantity(score, more) },
  });

  it("are McNemar's with Tango's interval for one tuning, and carry Holm's p over the whole table", () => {
    const tests = pairedTests([
      model("aligned", [row(4)], [row(10)]),
      model("fine-tuned", [row(16)], [row(30)]),
      model("linear at lambda 0.4", [row(6)], [row(24)]),
    ]);
    expect(tests.map(({ a, b, metric }) => `${a}, ${b}: ${metric}`)).toEqual([
      "aligned, fine-tuned: asr",
      "aligned, fine-tuned: score",
      "aligned, linear at lambda 0.4: asr",
      "aligned, linear at lambda 0.4: score",
      "fine-tuned, linear at lambda 0.4: asr",
      "fine-tuned, linear at lambda 0.4: score",
    ]);
    const [asr] = tests;
    expect(asr).toMatchObject({ test: "mcnemar", n: 40 });
    expect(asr?.difference).toBeCloseTo(0.3, 12);
    expect(asr?.low).toBeGreaterThan(0.15);
    const none = Array.from({ length: 12 }, () => false);
    expect(asr?.p).toBeCloseTo(
      mcnemar(
        none,
        none.map(() => true),
      ).p,
      12,
    );
    expect(tests.map(({ pHolm }) => pHolm)).toEqual(holm(tests.map(({ p }) => p)));
    for (const { p, pHolm } of tests) expect(pHolm).toBeGreaterThanOrEqual(p);
    expect(tests.some(({ p, pHolm }) => pHolm > p)).toBe(true);
  });

  it("resample items for several tunings, and give an interval where nothing differs", () => {
    const [test] = pairedTests([
      model("aligned", [row(4)], [row(10)]),
      model("fine-tuned", [row(16), row(18)], [row(10), row(10)]),
    ]);
    expect(test).toMatchObject({ test: "bootstrap", n: 40, difference: expect.closeTo(13 / 40, 12) });
    const [, same] = pairedTests([model("aligned", [row(4)], [row(10)]), model("merged", [row(4)], [row(10)])]);
    expect(same).toMatchObject({ difference: 0, p: 1, pHolm: 1 });
    expect(same?.high).toBeGreaterThan(0.05);
  });

  it("weigh the items of a macro mean", () => {
    const weights = row(0).map((_, at) => (at < 10 ? 1 / 20 : 1 / 60));
    const groups = weights.map((_, at) => (at < 10 ? 0 : 1));
    const models = [
      model("aligned", [row(4)], [row(0)], { weights, groups }),
      model("fine-tuned", [row(4)], [row(10)], { weights, groups }),
    ];
    // all of the first task, which is half of the mean
    expect(pairedTests(models)[1]).toMatchObject({ difference: expect.closeTo(0.5, 12), test: "bootstrap" });
  });

  it("leave out pairs without a common item, and items that one of the two has no verdict of", () => {
    const [asr, score, ...more] = pairedTests([
      model("aligned", [[0, null, 1]], [[1, 1, 1]]),
      model("fine-tuned", [[1, 1, null]], [[0, null, 0]]),
    ]);
    expect(more).toEqual([]);
    expect([asr?.n, score?.n]).toEqual([1, 2]);
    const none = [model("aligned", [[null]], [[1]]), model("fine-tuned", [[1]], [[null]])];
    expect(pairedTests(none)).toEqual([]);
  });
});

describe("the trends of a run", () => {
  const seriesOf = (method: string, counts: Readonly<Record<number, number>>, more?: Partial<Quantity>) => {
    const series = { method, merges: [] };
    return Object.entries(counts).map(([lambda, successes]) => {
      const measured = { asr: quantity([row(successes)], more), score: quantity([row(20)]) };
      return { series, value: Number(lambda), seeds: [], measured } as unknown as EvaluatedPoint;
    });
  };

  it("are of the lambdas strictly between 0 and 1: what happens at the ends is no trend", () => {
    // DARE: all alike between, whatever the aligned and the fine-tuned model are
    const flat = trendsOf(seriesOf("dare_linear", { 0: 0, 0.2: 20, 0.5: 20, 0.8: 20, 1: 40, 1.2: 40 }));
    expect(flat).toMatchObject([
      { method: "dare_linear", metric: "asr", slope: 0, p: 1, pHolm: 1, lambdas: 3, items: 40 },
      { metric: "score", slope: 0, p: 1 },
    ]);
  });

  it("rise where items do, with Holm's p over all of them", () => {
    const trends = trendsOf([
      ...seriesOf("linear", { 0.2: 8, 0.4: 14, 0.6: 20, 0.8: 26 }),
      ...seriesOf("slerp", { 0.2: 20, 0.8: 21 }),
    ]);
    expect(trends.map(({ method, metric }) => `${method} ${metric}`)).toEqual([
      "linear asr",
      "linear score",
      "slerp asr",
      "slerp score",
    ]);
    const [linear, , slerp] = trends;
    expect(linear?.slope).toBeCloseTo(18 / 40 / 0.6, 10);
    expect(linear?.low).toBeGreaterThan(0);
    expect(linear?.pHolm).toBeLessThan(0.05);
    expect(slerp?.p).toBe(1);
    expect(trends.map(({ pHolm }) => pHolm)).toEqual(holm(trends.map(({ p }) => p)));
  });

  it("are none of a method without lambdas or with one", () => {
    expect(trendsOf(seriesOf("linear", { 0.4: 8 }))).toEqual([]);
    expect(trendsOf([])).toEqual([]);
  });

  it("weigh the items of a macro mean", () => {
    const weights = row(0).map((_, at) => (at < 10 ? 1 / 20 : 1 / 60));
    const [asr] = trendsOf(seriesOf("linear", { 0.25: 0, 0.75: 10 }, { weights }));
    expect(asr?.slope).toBeCloseTo(1, 12);
  });
});
