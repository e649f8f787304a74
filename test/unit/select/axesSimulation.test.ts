// How often the whole rule takes a merge that breaks one of its requirements, where it asks for more than safety. Seeded: the same
// numbers everywhere.

import { describe, expect, it } from "vitest";
import { confirm } from "../../../lib/select/confirmChoice.js";
import { parseGate } from "../../../lib/select/gate.js";
import { select } from "../../../lib/select/select.js";
import type { Candidate, Point, SelectionTable } from "../../../lib/select/types.js";
import { normalQuantile } from "../../../lib/statistics/normalQuantile.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import { scoreLowerBound, scoreStatistic } from "../../../lib/statistics/scoreBound.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";
import { tangoBound } from "../../../lib/statistics/tangoBound.js";
import { casesOf } from "../../long.js";

const [MARGIN, OVER, KEEP] = [0.05, 0.06, 0.95];
const RULE = { rule: "constrained", margin: MARGIN, overRefusal: OVER, keep: { sums: KEEP, facts: KEEP } } as const;

/** Of each number the aligned model's mean, and what a merge's lies above it. */
const AXES = {
  asr: { rate: 0.2, limit: MARGIN },
  overRefusal: { rate: 0.1, limit: OVER },
  sums: { rate: 0.7, limit: (KEEP - 1) * 0.7 },
  facts: { rate: 0.9, limit: (KEEP - 1) * 0.9 },
} as const;
type Axis = keyof typeof AXES;

interface World {
  readonly items: number;
  readonly series: readonly number[];
  readonly seeds?: number;
  /** What is broken by a little, by every merge or by those from this lambda on. */
  readonly broken: readonly Axis[];
  readonly from?: number;
}

function drawer(seed: number): () => number {
  const random = seededRandom(seed);
  return () => random(2 ** 30) / 2 ** 30;
}

const mean = (rows: readonly (readonly number[])[]) =>
  rows.flat().reduce((sum, one) => sum + one, 0) / rows.flat().length;
const quantity = (values: number[][]) => ({ value: mean(values), values });

/** One number of all merges: half of what makes an item turn is the same for all, as it is for neighbouring lambdas. */
function axis(name: Axis, { items, series, seeds = 1, broken, from = 0 }: World, draw: () => number) {
  const { rate, limit } = AXES[name];
  const aligned = Array.from({ length: items }, () => (draw() < rate ? 1 : 0));
  const shared = Array.from({ length: items }, draw);
  const merges = series.map((count) =>
    Array.from({ length: count }, (_, at) => {
      const beyond = broken.includes(name) && at >= from ? limit * 1.05 : 0;
      const [up, down] = [0.02 + Math.max(0, beyond), 0.02 + Math.max(0, -beyond)];
      const row = () =>
        aligned.map((one, item) => {
          const turns =
            (draw() < 0.5 ? (shared[item] as number) : draw()) < (one === 0 ? up / (1 - rate) : down / rate);
          return turns ? 1 - one : one;
        });
      return quantity(Array.from({ length: seeds }, row));
    }),
  );
  return { aligned: quantity([aligned]), merges };
}

function experiment(world: World, draw: () => number): SelectionTable {
  const all = Object.fromEntries(
    (Object.keys(AXES) as Axis[]).map((name) => [name, axis(name, world, draw)]),
  ) as Record<Axis, ReturnType<typeof axis>>;
  const point = (of: (name: Axis) => Point["asr"], score: number): Point => ({
    ...{ score: { value: score }, asr: of("asr"), overRefusal: of("overRefusal") },
    skills: { sums: of("sums"), facts: of("facts") },
  });
  return {
    aligned: point((name) => all[name].aligned, 0),
    candidates: world.series.flatMap((count, method) =>
      Array.from({ length: count }, (_, at): Candidate => {
        const lambda = (at + 1) / (count + 1);
        return {
          ...{ method: `m${method}`, lambda },
          ...point((name) => all[name].merges[method]?.[at] as Point["asr"], lambda),
        };
      }),
    ),
  };
}

/** In what share of experiments a merge is taken that breaks something, or that breaks nothing. */
function taken(world: World, runs: number, seed: number): { readonly broken: number; readonly sound: number } {
  const draw = drawer(seed);
  const counts = { broken: 0, sound: 0 };
  for (let run = 0; run < runs; run++) {
    const { verdicts } = select(experiment(world, draw), RULE);
    const passing = verdicts.filter(({ passes }) => passes);
    const isBroken = ({ candidate: { method, lambda = 0 } }: (typeof passing)[number]) => {
      const count = world.series[Number(method.slice(1))] as number;
      return world.broken.length > 0 && Math.round(lambda * (count + 1)) - 1 >= (world.from ?? 0);
    };
    if (passing.some(isBroken)) counts.broken += 1;
    if (passing.some((one) => !isBroken(one))) counts.sound += 1;
  }
  return { broken: counts.broken / runs, sound: counts.sound / runs };
}

const five = [2, 2, 2, 2, 1];

describe("the whole rule with a margin of over-refusal and two skills to keep", () => {
  const cases: [string, World][] = [
    ["over-refusal", { items: 300, series: five, broken: ["overRefusal"] }],
    ["a skill", { items: 300, series: five, broken: ["sums"] }],
    ["a skill that is nearly perfect", { items: 300, series: five, broken: ["facts"] }],
    ["safety", { items: 300, series: five, broken: ["asr"] }],
    ["two at once", { items: 300, series: five, broken: ["overRefusal", "facts"] }],
    ["a skill, in the upper half of each series", { items: 300, series: [4, 4], broken: ["sums"], from: 2 }],
    ["a skill, in one series of three tunings", { items: 200, series: [3], seeds: 3, broken: ["facts"] }],
  ];
  const chosen = casesOf(cases, [cases[1] as (typeof cases)[number]]);
  const runs = casesOf([50], [15])[0] as number;
  it.each(chosen)("takes one that breaks it by a little in at most 6 of 100 experiments: %s", (_, world) => {
    expect(taken(world, runs, 23).broken).toBeLessThanOrEqual(0.06);
  });

  it("takes one that breaks nothing in most experiments", () => {
    const world = { items: 900, series: casesOf([five], [[1]])[0] as number[], broken: [] };
    expect(taken(world, casesOf([15], [6])[0] as number, 29).sound).toBeGreaterThan(0.8);
  });

  it("confirms one that breaks a requirement in at most 6 of 100 experiments", () => {
    const draw = drawer(31);
    const runsOf = casesOf([150], [100])[0] as number;
    for (const broken of casesOf<Axis>(["overRefusal", "sums"], ["sums"])) {
      let holds = 0;
      for (let run = 0; run < runsOf; run++) {
        const table = experiment({ items: 300, series: [1], broken: [broken] }, draw);
        if (confirm(table, table.candidates[0] as Candidate, RULE).holds) holds += 1;
      }
      expect(holds / runsOf, broken).toBeLessThanOrEqual(0.06);
    }
  });
});

describe("what is kept of a number below 0", () => {
  const score = { score: { value: 0 }, asr: { value: 0 } };
  const gate = parseGate("keep .9 of text", ["text"]);
  /** About normal: twelve uniform draws. */
  const normal = (draw: () => number) => Array.from({ length: 12 }, draw).reduce((sum, one) => sum + one, -6);

  it.each(casesOf([-2, -0.05], [-2]))(
    "passes at the limit in at most 6 of 100 experiments, also where its sign is hardly known: mean %d",
    (mean) => {
      const draw = drawer(41);
      const runs = casesOf([600], [200])[0] as number;
      let passed = 0;
      for (let run = 0; run < runs; run++) {
        const aligned = Array.from({ length: 60 }, () => mean + 0.5 * normal(draw));
        const merged = aligned.map((one) => one - mean + mean / 0.9 + 0.2 * normal(draw));
        const [a, m] = [quantity([aligned]), quantity([merged])];
        const table = { aligned: { ...score, skills: { text: a } }, candidates: [] };
        if (gate.passes({ ...score, skills: { text: m } }, table)) passed += 1;
      }
      expect(passed / runs).toBeLessThanOrEqual(0.06 + 2 * Math.sqrt((0.05 * 0.95) / runs));
    },
  );
});

describe("the bound of a share that is kept", () => {
  const cases = [0.98, 0.9, 0.8].flatMap((share) =>
    [100, 150, 500].flatMap((n) => [0.3, 0.6, 0.9].map((rate) => ({ share, n, rate }))),
  );
  const seldom = { share: 0.98, n: 100, rate: 0.9 }; // where hardly an item differs
  it.each(casesOf(cases, [seldom, { share: 0.9, n: 150, rate: 0.6 }]))(
    "passes at the limit in at most 6 of 100 cases: $share of $rate, $n items",
    ({ share, n, rate }) => {
      const draw = drawer(n);
      const times = 2000;
      for (const back of [0, 0.02]) {
        const worse = back + rate * (1 - share);
        let passed = 0;
        for (let run = 0; run < times; run++) {
          const counts = [0, 0, 0, 0]; // only the aligned model, only the merge, both, none
          for (let item = 0; item < n; item++) {
            const at = draw();
            const place = at < worse ? 0 : at < worse + back ? 1 : at < rate + back ? 2 : 3;
            counts[place] = (counts[place] as number) + 1;
          }
          const outcomes = [-share, 1, 1 - share, 0].map((value, at) => ({ value, count: counts[at] as number }));
          if (scoreStatistic(outcomes, 0) > normalQuantile(0.95)) passed += 1;
        }
        expect(passed / times, `back ${back}`).toBeLessThanOrEqual(0.06);
      }
    },
  );

  it("is Tango's where all of it is kept, and what item by item gives where a part is", () => {
    const draw = drawer(37);
    for (let run = 0; run < 20; run++) {
      const n = 40 + Math.floor(60 * draw());
      const aligned = Array.from({ length: n }, () => (draw() < 0.6 ? 1 : 0));
      const merged = aligned.map((one) => (draw() < 0.1 ? 1 - one : one));
      const onlyFirst = aligned.filter((one, at) => one === 1 && merged[at] === 0).length;
      const onlySecond = aligned.filter((one, at) => one === 0 && merged[at] === 1).length;
      const both = aligned.filter((one, at) => one === 1 && merged[at] === 1).length;
      const outcomes = (share: number) => [
        { value: 1, count: onlySecond },
        { value: 1 - share, count: both },
        { value: 0, count: n - onlyFirst - onlySecond - both },
        { value: -share, count: onlyFirst },
      ];
      const z = normalQuantile(0.95);
      expect(scoreLowerBound(outcomes(1), z)).toBeCloseTo(tangoBound({ onlyFirst, onlySecond, n }, z), 9);
      const { low, method, value } = pairedDifference([aligned], [merged], { side: "lower", factor: 0.9 });
      expect(method).toBe("score");
      expect(value).toBeCloseTo((both + onlySecond - 0.9 * (both + onlyFirst)) / n, 12);
      expect(low).toBeCloseTo(scoreLowerBound(outcomes(0.9), z), 9);
      expect(Math.abs(scoreStatistic(outcomes(0.9), low) - z)).toBeLessThan(1e-6);
      // the other end is that of the opposite
      const upper = pairedDifference([aligned], [merged], { side: "upper", factor: 0.9 });
      expect(upper.high).toBeGreaterThan(value);
    }
  });
});
