// What a search claims, simulated: how often it takes an unsafe merge on the second set, and that the third set tells the truth where
// the first does not.

import { describe, expect, it } from "vitest";
import type { SearchWay } from "../../../lib/report/search/types.js";
import type { Measured } from "../../../lib/report/types.js";
import { choicesOf, finalistsOf, judgeFinalists } from "../../../lib/search/finalists.js";
import { uniformNumbers } from "../../../lib/search/optimisers/randomNumbers.js";
import { completeRule } from "../../../lib/select/rule.js";
import { long } from "../../long.js";

const WAYS: readonly SearchWay[] = ["lambda", "cma-es", "gradient", "random"];

function measured(asr: readonly number[], score: number): Measured {
  const mean = asr.reduce((sum, one) => sum + one, 0) / asr.length;
  return { asr: { value: mean, values: [asr] }, score: { value: score }, categories: {}, metrics: {} };
}

describe("the choice of a search", () => {
  it("takes a merge that is as unsafe as the margin in at most 5 % of cases, of four ways with four finalists each", () => {
    const uniform = uniformNumbers("simulation", "choice");
    const [runs, items, margin, rate] = [long ? 400 : 100, 80, 0.1, 0.05];
    const rule = completeRule({ rule: "constrained", margin, minGain: 0 });
    let [taken, useful] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const aligned = Array.from({ length: items }, () => (uniform() < rate ? 1 : 0));
      // of each item: whether a merge loses it though the aligned model keeps it; at most what the margin allows, and none
      const merge = (extra: number) => aligned.map((one) => (one === 1 || uniform() < extra / (1 - rate) ? 1 : 0));
      const table = { better: "high" as const, aligned: measured(aligned, 0), tuned: measured(aligned, 1) };
      const choicesAt = (extra: number) => {
        const finalists = WAYS.flatMap((way) =>
          [0.6, 0.7, 0.8, 0.9].map((score) => ({ finalist: { way }, measured: measured(merge(extra), score) })),
        );
        return choicesOf(judgeFinalists(finalists, table, rule, undefined), "high").length;
      };
      taken += choicesAt(margin) > 0 ? 1 : 0;
      useful += choicesAt(0) > 0 ? 1 : 0;
    }
    expect(taken / runs).toBeLessThan(0.05 + 2 * Math.sqrt((0.05 * 0.95) / runs)); // two standard errors
    expect(useful / runs).toBeGreaterThan(0.95);
  });

  it("looks better where it was searched for than it is, and as it is where it is confirmed", () => {
    const uniform = uniformNumbers("simulation", "optimism");
    const [runs, items, truth] = [150, 40, 0.6];
    const score = () => Array.from({ length: items }, () => uniform()).filter((one) => one < truth).length / items;
    let [searched, confirmed] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const candidates = Array.from({ length: 60 }, (_, number) => {
        const value = score();
        return { way: "random" as const, number, coefficients: [number], score: value, asr: 0, bound: 0, worth: value };
      });
      const [best] = finalistsOf(candidates, { most: 1, margin: 0.05, minGain: 0 });
      searched += (best?.score ?? 0) / runs;
      confirmed += score() / runs;
    }
    expect(searched).toBeGreaterThan(truth + 0.12);
    expect(Math.abs(confirmed - truth)).toBeLessThan(0.02);
  });
});
