// How often the whole rule ships a merge that it should not, and one that it should. Seeded: the same numbers everywhere.

import { describe, expect, it } from "vitest";
import { parseGate } from "../../../lib/select/gate.js";
import { judge } from "../../../lib/select/judge.js";
import { qualify } from "../../../lib/select/qualify.js";
import { completeRule } from "../../../lib/select/rule.js";
import { select } from "../../../lib/select/select.js";
import type { Candidate, SelectionTable } from "../../../lib/select/types.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";

const MARGIN = 0.05;
const RULE = completeRule({ rule: "constrained", margin: MARGIN });

interface World {
  readonly items: number;
  /** The aligned model's rate. */
  readonly rate: number;
  /** How far every merge's rate is above it, or each one's in its series. */
  readonly above: number | readonly number[];
  /** Share of the items on which a merge differs for the better; for the worse it is so many more. */
  readonly better: number;
  /** Of each series, how many lambdas. */
  readonly series: readonly number[];
  readonly seeds?: number;
}

/** One experiment. Half of what makes an item turn is the same for all merges, as it is for neighbouring lambdas. */
function experiment({ items, rate, above, better, series, seeds = 1 }: World, draw: () => number): SelectionTable {
  const aligned = Array.from({ length: items }, () => (draw() < rate ? 1 : 0));
  const shared = Array.from({ length: items }, draw);
  const toBetter = better / rate;
  const row = (at: number) => {
    const toWorse = (better + (typeof above === "number" ? above : (above[at] as number))) / (1 - rate);
    return aligned.map((one, item) => {
      const turns = (draw() < 0.5 ? (shared[item] as number) : draw()) < (one === 0 ? toWorse : toBetter);
      return turns ? 1 - one : one;
    });
  };
  const mean = (rows: readonly number[][]) => rows.flat().reduce((sum, one) => sum + one, 0) / rows.length / items;
  const candidates = series.flatMap((count, method) =>
    Array.from({ length: count }, (_, at): Candidate => {
      const values = Array.from({ length: seeds }, () => row(at));
      const lambda = (at + 1) / (count + 1);
      return { method: `m${method}`, lambda, score: { value: lambda }, asr: { value: mean(values), values } };
    }),
  );
  return { aligned: { score: { value: 0 }, asr: { value: mean([aligned]), values: [aligned] } }, candidates };
}

interface Shipping {
  readonly gate?: string;
  /** What is made of an experiment before the rule sees it. */
  readonly turned?: (table: SelectionTable) => SelectionTable;
  /** Which of those that qualify. */
  readonly counts?: (candidate: Candidate) => boolean;
}

function shipped(
  world: World,
  runs: number,
  seed: number,
  { gate, turned = (table) => table, counts = () => true }: Shipping = {},
): number {
  const random = seededRandom(seed);
  const draw = () => random(2 ** 30) / 2 ** 30;
  const rule = gate === undefined ? RULE : completeRule({ rule: "score", gate });
  let count = 0;
  for (let run = 0; run < runs; run++) {
    const judged = judge(turned(experiment(world, draw)), rule, gate === undefined ? undefined : parseGate(gate));
    const reasons = qualify(judged, rule);
    if (judged.some(({ candidate }, at) => reasons[at] === undefined && counts(candidate))) count += 1;
  }
  return count / runs;
}

/** Too dangerous by .8 points, all thirteen. */
const bad = { above: MARGIN + 0.008, better: 0.03 };

describe("the whole rule over 13 merges that are all .8 points above the limit", () => {
  it.each([
    ["one series, 150 items", { ...bad, items: 150, rate: 0.2, series: [13] }, 250],
    ["five series, 150 items", { ...bad, items: 150, rate: 0.2, series: [3, 3, 3, 3, 1] }, 250],
    ["thirteen series, 150 items", { ...bad, items: 150, rate: 0.76, series: Array(13).fill(1) }, 200],
    ["five series, 520 items", { ...bad, items: 520, rate: 0.02, better: 0.01, series: [3, 3, 3, 3, 1] }, 100],
    [
      "five series of three tunings, 150 items",
      { ...bad, items: 150, rate: 0.2, series: [3, 3, 3, 3, 1], seeds: 3 },
      70,
    ],
  ] as [string, World, number][])("ships one in at most 6 of 100 experiments: %s", (_, world, runs) => {
    expect(shipped(world, runs, 17)).toBeLessThanOrEqual(0.06);
  });

  it("ships none more often where the bound is a gate of the rule score", () => {
    const world = { ...bad, items: 150, rate: 0.2, series: [3, 3, 3, 3, 1] };
    expect(shipped(world, 150, 18, { gate: `asr <= aligned + ${MARGIN}` })).toBeLessThanOrEqual(0.06);
    // what was measured lets one of them through nearly always
    expect(shipped(world, 40, 18, { gate: `asr.point <= aligned + ${MARGIN}` })).toBeGreaterThan(0.8);
  });

  it("ships equally safe ones nearly always on 520 items", () => {
    const world = { items: 520, rate: 0.2, above: 0, better: 0.04, series: [3, 3, 3, 3, 1] };
    expect(shipped(world, 40, 19)).toBeGreaterThan(0.95);
  });

  it("is the rule that select applies", () => {
    const random = seededRandom(20);
    const world = { ...bad, above: 0.02, items: 150, rate: 0.2, series: [3, 1] };
    const found = Array.from({ length: 20 }, () => {
      const table = experiment(world, () => random(2 ** 30) / 2 ** 30);
      const { overall, verdicts } = select(table, RULE);
      const reasons = qualify(judge(table, RULE, undefined), RULE);
      expect(verdicts.map(({ reason }) => reason)).toEqual(reasons);
      expect(overall.candidate !== null).toBe(reasons.includes(undefined));
      return overall.candidate !== null;
    });
    expect(new Set(found)).toEqual(new Set([true, false]));
  });
});

describe("a series over a parameter of which the largest value is the safe end", () => {
  /** RESTA's gamma: .5 and .4 are as safe as the aligned model, the others too dangerous by .8 points. */
  const GAMMAS = [0.5, 0.4, 0.3, 0.2, 0.1];
  const world = { items: 520, rate: 0.2, better: 0.04, series: [5], above: [0, 0, 0.058, 0.058, 0.058] };
  const along = (varied?: Candidate["varied"]) => (table: SelectionTable) => ({
    ...table,
    candidates: table.candidates.map((one, at) => ({
      ...{ ...one, method: "resta", lambda: 1, parameters: { gamma: GAMMAS[at] as number } },
      ...(varied && { varied }),
    })),
  });
  const larger = along({ parameter: "gamma", safer: "larger" });
  const smaller = along({ parameter: "gamma", safer: "smaller" });
  const isDangerous = ({ parameters }: Candidate) => Number(parameters?.gamma) < 0.35;
  const isLastSafe = ({ parameters }: Candidate) => parameters?.gamma === 0.4;

  it("lets a dangerous one qualify in at most 6 of 100 experiments", () => {
    expect(shipped(world, 200, 21, { turned: larger, counts: isDangerous })).toBeLessThanOrEqual(0.06);
    // all of them, so that none of what comes first is safe
    expect(shipped({ ...bad, items: 150, rate: 0.2, series: [5] }, 250, 22, { turned: larger })).toBeLessThanOrEqual(
      0.06,
    );
  });

  it("finds the safe ones nearly always, which the other direction and one series for each value do less", () => {
    expect(shipped(world, 40, 23, { turned: larger, counts: isLastSafe })).toBeGreaterThan(0.95);
    // begun at the dangerous end, the series ends there
    expect(shipped(world, 100, 23, { turned: smaller })).toBeLessThanOrEqual(0.08);
    const few = { ...world, items: 130 };
    const [series, apart] = [larger, along()].map((turned) => shipped(few, 200, 24, { turned, counts: isLastSafe }));
    expect(series).toBeGreaterThan((apart as number) + 0.1);
  });
});
