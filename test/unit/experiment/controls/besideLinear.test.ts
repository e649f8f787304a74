// Methods beside the plain lambda: which merge is picked, what is said, and how often a method that is no better is called better or worse.

import { describe, expect, it } from "vitest";
import { besideLine, pickBeside, usefulPoints, withHolm } from "../../../../lib/experiment/controls/besideLinear.js";
import type { BesideLinear } from "../../../../lib/report/besideLinearTypes.js";
import type { Quantity } from "../../../../lib/select/types.js";
import { holm } from "../../../../lib/statistics/holm.js";
import { normalQuantile } from "../../../../lib/statistics/normalQuantile.js";
import { casesOf } from "../../../long.js";
import { randomOf } from "../../statistics/simulated.mjs";

/** Of 200 items; those of a lower rate are among those of a higher one. */
function quantity(value: number): Quantity {
  const values = [Array.from({ length: 200 }, (_, item) => ((item * 7) % 200 < Math.round(200 * value) ? 1 : 0))];
  return { value, values };
}

const point = (score: number, asr: number) => ({
  name: `${score}/${asr}`,
  score: quantity(score),
  asr: quantity(asr),
});

type Point = ReturnType<typeof point>;
const line = [point(0, 0), point(0.2, 0.05), point(0.6, 0.1), point(0.9, 0.3), point(1, 0.5)].map((one, at) => ({
  ...{ ...one, lambda: at / 4 },
}));
const labels = { score: "exact calls", asr: "refusals lost" };

describe("the merge of a method that is compared", () => {
  it("is the one that stands best against the line, at equal score and at equal safety", () => {
    const points = [point(0.4, 0.06), point(0.75, 0.15), point(0.95, 0.42)];
    // the line is .075, .2 and .4 at these scores; .28, .675 and .96 at these rates
    expect(pickBeside(points, line, "score", "high")).toEqual({ point: points[1], lower: line[2], upper: line[3] });
    const [first, , last] = points as [Point, Point, Point];
    const safe = pickBeside([first, last], line, "safety", "high");
    expect(safe).toEqual({ point: points[0], lower: line[1], upper: line[2] });
  });

  it("is none where the line has no such number", () => {
    expect(pickBeside([point(0.5, 0.6)], line, "safety", "high")).toBeUndefined();
    expect(pickBeside([point(0.5, 0.6)], line.slice(0, 2), "score", "high")).toBeUndefined();
  });

  it("is none where the line hardly moves, and only points that are far apart have another score", () => {
    const bent = [point(0.2, 0), point(0.94, 0.02), point(0.945, 0.1), point(0.95, 0.3)];
    const coarse = bent.map((one, at) => ({ ...one, lambda: at / 4 }));
    expect(pickBeside([point(0.943, 0.05)], coarse, "score", "high")).toBeUndefined();
    expect(pickBeside([point(0.96, 0.12)], coarse, "score", "high")).toBeUndefined();
    const fine = bent.map((one, at) => ({ ...one, lambda: at / 100 }));
    expect(pickBeside([point(0.943, 0.05)], fine, "score", "high")).toBeDefined();
  });

  it("is beside points farther apart where no plain merge between them is below their line", () => {
    const straight = [point(0.2, 0), point(0.3, 0.05), point(0.31, 0.06), point(0.4, 0.1)];
    const coarse = straight.map((one, at) => ({ ...one, lambda: at / 4 }));
    expect(pickBeside([point(0.305, 0.02)], coarse, "score", "high")).toMatchObject({ lower: { lambda: 0.25 } });
  });

  it("is told by the score's direction", () => {
    const turned = line.map((one) => ({ ...one, score: quantity(1 - one.score.value) }));
    const found = pickBeside([point(0.25, 0.15)], turned, "score", "low");
    expect([found?.lower, found?.upper]).toEqual([turned[2], turned[3]]);
  });

  it("keeps the gain that is asked for", () => {
    const [ends, of] = [{ aligned: point(0.2, 0), tuned: point(1, 0.5) }, { minGain: 0.5, better: "high" } as const];
    expect(usefulPoints([point(0.5, 0), point(0.6, 0), point(0.9, 0.4)], ends, of).map(({ name }) => name)).toEqual([
      "0.6/0",
      "0.9/0.4",
    ]);
  });
});

describe("a method beside the plain line", () => {
  const [lower, upper] = [point(0.5, 0.1), point(0.9, 0.3)];

  it("is told with the difference at equal score, and with the one at equal safety", () => {
    const about = { method: "ties", point: point(0.7, 0.1), lower, upper };
    const score = besideLine({ ...about, equal: "score" });
    expect(score).toMatchObject({ point: "0.7/0.1", between: ["0.5/0.1", "0.9/0.3"], items: 200 });
    expect(score.share).toBeCloseTo(0.5, 12);
    expect(score.line).toBeCloseTo(0.2, 12);
    expect(score.difference).toBeCloseTo(-0.1, 12);
    const safety = besideLine({ ...about, equal: "safety" });
    expect(safety.merged).toBeCloseTo(0.7, 12);
    expect(safety.difference).toBeCloseTo(0.2, 12);
  });

  it("has a verdict by Holm's p over the tests of a new tuning, and none where it is of these tunings alone", () => {
    const three = ({ score, asr, ...rest }: Point) => {
      const thrice = ({ value, values = [] }: Quantity) => ({ value, values: [...values, ...values, ...values] });
      return { ...rest, score: thrice(score), asr: thrice(asr) };
    };
    const fresh = (equal: "score" | "safety", asr: number) =>
      besideLine({ method: "ties", equal, point: three(point(0.7, asr)), lower: three(lower), upper: three(upper) });
    const tested = [fresh("score", 0.1), fresh("safety", 0.1), fresh("score", 0.195)];
    const alone = (["score", "safety"] as const).map((equal) =>
      besideLine({ method: "model_stock", equal, point: point(0.7, 0.1), lower, upper }),
    );
    expect(alone.every(({ p, newP }) => (p as number) < 0.001 && newP === undefined)).toBe(true);
    const { rows, sentence } = withHolm([...alone, ...tested], { better: "high", labels });
    const wanted = [undefined, undefined, "better", "better", "not shown"];
    expect(rows.map(({ verdict }) => verdict)).toEqual(wanted);
    const adjusted = holm(tested.map(({ newP }) => newP as number));
    expect(rows.map(({ newPHolm }) => newPHolm)).toEqual([undefined, undefined, ...adjusted]);
    expect(sentence).toBe(
      "At equal exact calls, by refusals lost: shown to be better: ties; no difference shown: ties; compared of these tunings alone: model_stock. " +
        "At equal refusals lost, by exact calls: shown to be better: ties; compared of these tunings alone: model_stock.",
    );
  });

  it("is not compared where the line's points are alike, or the score is no share", () => {
    const alike = besideLine({ method: "ties", equal: "score", point: point(0.7, 0.1), lower, upper: lower });
    expect(alike.why).toMatch(/not told apart/);
    const loss = (value: number) => ({ value, values: [Array.from({ length: 200 }, (_, at) => value + (at % 5))] });
    const of = (value: number, asr: number) => ({ ...point(0.5, asr), score: loss(value) });
    const ends = { lower: of(2, 0.1), upper: of(1, 0.3) };
    expect(besideLine({ method: "ties", equal: "safety", point: of(1.5, 0.2), ...ends }).why).toMatch(/no share/);
    const { rows, sentence } = withHolm([alike], { better: "high", labels });
    expect(rows[0]?.verdict).toBeUndefined();
    expect(sentence).toContain("not compared: ties");
  });
});

/** Task score and rate over lambda, as the demo's: the score rises first, and the rate bends. */
const scoreAt = (lambda: number) => 1 / (1 + Math.exp(-14 * (lambda - 0.28)));
const rateAt = (lambda: number) => 0.005 + 0.5 * lambda ** 2.2;

interface Truth {
  readonly seeds: number;
  readonly items: number;
  /** Lambdas of the plain line; the method has twelve others between .25 and .8. */
  readonly grid: readonly number[];
  /** How far a tuning moves all its merges, and each merge by itself. */
  readonly ofSeeds: number;
  readonly ofMerges: number;
}

/**
 * A method whose merges are as good as plain ones of the same lambda, so that nothing is to be found: how often each test calls it
 * different at 5 %, and better. The tunings are the same on both halves, as they are in an experiment.
 */
function called({ seeds, items, grid, ofSeeds, ofMerges }: Truth, equal: "score" | "safety", times: number) {
  const random = randomOf(11);
  const normal = () => normalQuantile(random());
  const own = Array.from({ length: 12 }, (_, at) => 0.25 + 0.05 * at);
  const whole = Math.sqrt(3 + ofSeeds ** 2 + ofMerges ** 2);
  const counts = { all: 0, these: 0, fresh: 0, better: 0 };
  for (let time = 0; time < times; time++) {
    const tunings = Array.from({ length: seeds }, () => [ofSeeds * normal(), ofSeeds * normal()]);
    const all = [...grid, ...own].map((lambda) => ({
      ...{ lambda, name: String(lambda) },
      moved: tunings.map((of) => of.map((one) => one + ofMerges * normal())),
    }));
    const half = () => {
      const hard = [0, 1].map(() => Array.from({ length: items }, () => Math.SQRT2 * normal()));
      return all.map(({ lambda, name, moved }) => {
        const [score, asr] = [scoreAt(lambda), rateAt(lambda)].map((rate, which): Quantity => {
          const threshold = -normalQuantile(rate) * whole;
          const values = moved.map((of) =>
            (hard[which] as number[]).map((item) => (item + (of[which] as number) + normal() > threshold ? 1 : 0)),
          );
          return { value: values.flat().reduce<number>((sum, one) => sum + one, 0) / (seeds * items), values };
        });
        return { name, lambda, score: score as Quantity, asr: asr as Quantity };
      });
    };
    const [choosing, confirming] = [half(), half()];
    const found = pickBeside(choosing.slice(grid.length), choosing.slice(0, grid.length), equal, "high");
    if (!found) continue;
    const there = (one: { readonly name: string }) => confirming.find(({ name }) => name === one.name) as typeof one;
    const tested = { point: there(found.point), lower: there(found.lower), upper: there(found.upper) };
    const row = besideLine({ method: "other", equal, ...(tested as never as typeof found) } as never) as BesideLinear;
    if (row.difference === undefined) continue;
    counts.all += 1;
    if ((row.p as number) < 0.05) counts.these += 1;
    const p = row.newP ?? (row.p as number);
    if (p < 0.05) counts.fresh += 1;
    if (p < 0.05 && row.difference < 0 === (equal === "score")) counts.better += 1;
  }
  const { all, these, fresh, better } = counts;
  return { all, these: these / all, fresh: fresh / all, better: better / all };
}

const TIMES = 250;
const ENOUGH = 100;
const GRID = Array.from({ length: 11 }, (_, at) => at / 10);
const FINE = Array.from({ length: 21 }, (_, at) => at / 20);
const TRUTHS: readonly Truth[] = [
  { seeds: 3, items: 75, grid: GRID, ofSeeds: 0.25, ofMerges: 0 },
  { seeds: 3, items: 300, grid: FINE, ofSeeds: 0.25, ofMerges: 0.05 },
  { seeds: 3, items: 300, grid: FINE, ofSeeds: 0.25, ofMerges: 0.2 },
  { seeds: 9, items: 300, grid: FINE, ofSeeds: 0.25, ofMerges: 0.05 },
  { seeds: 9, items: 300, grid: FINE, ofSeeds: 0.25, ofMerges: 0.2 },
];

describe("a method that is as good as the plain lambda", () => {
  it("is called different, by the test of a new tuning, in no more than 5 % of cases, within the simulation's error", () => {
    for (const truth of casesOf(TRUTHS, [TRUTHS[0] as Truth])) {
      for (const equal of ["score", "safety"] as const) {
        const found = called(truth, equal, TIMES);
        expect(found.all).toBeGreaterThanOrEqual(ENOUGH);
        // two standard errors of the simulation
        const most = 0.05 + 2 * Math.sqrt((0.05 * 0.95) / found.all);
        expect(found.fresh, JSON.stringify({ truth, equal, found })).toBeLessThanOrEqual(most);
      }
    }
  }, 3_600_000);
});
