import { describe, expect, it } from "vitest";
import { seedToShip } from "../../../lib/experiment/results/seedToShip.js";
import type { ExperimentResults } from "../../../lib/report/types.js";
import { select } from "../../../lib/select/select.js";
import type { SelectionRule } from "../../../lib/select/types.js";

const SEEDS = ["42", "7", "1024"];
/** Of each seed so many ones in 100 items. */
const of = (...ones: number[]) => ({
  value: ones.reduce((sum, one) => sum + one, 0) / ones.length / 100,
  values: ones.map((own) => Array.from({ length: 100 }, (_, at) => +(at < own))),
  seeds: ones.map((own, at) => ({ seed: SEEDS[at] as string, value: own / 100 })),
});
const labels = { score: "score", asr: "ASR" };

function choose(
  score: readonly number[],
  asr: readonly number[],
  rule: SelectionRule,
  better: "high" | "low" = "high",
) {
  const aligned = { score: of(better === "high" ? 10 : 90), asr: of(2) };
  const candidates = [{ method: "linear", lambda: 0.4, score: of(...score), asr: of(...asr) }];
  const validation = { better, aligned, candidates };
  const selection = select({ ...validation, labels }, rule);
  expect(selection.overall.candidate).not.toBeNull();
  const results = { validation, selection, labels } as unknown as ExperimentResults;
  return seedToShip(results, SEEDS.slice(0, score.length));
}

const margin = { rule: "constrained", margin: 0.1, by: "point" } as const;

describe("seedToShip", () => {
  it("takes the best score among the seeds that keep the margin by themselves", () => {
    const { seed, why } = choose([80, 70, 95], [4, 4, 20], margin);
    expect(seed).toBe("42");
    expect(why).toContain(
      "the best score of the 2 of 3 seeds whose own difference to the aligned model keeps the margin 0.1",
    );
    expect(why).toContain("score 0.800, ASR 0.040");
  });

  it("looks at each seed's own upper bound where the rule does", () => {
    // 42 is 2 points above the aligned model, and its bound about 6
    const upper = { rule: "constrained", margin: 0.06, by: "upper" } as const;
    const { seed, why } = choose([90, 80, 80], [5, 2, 2], upper);
    expect(seed).toBe("7");
    expect(why).toContain("of the 2 of 3 seeds whose own upper bound keeps the margin 0.06");
  });

  it("takes the one nearest to the aligned model where no seed keeps the margin by itself", () => {
    const upper = { rule: "constrained", margin: 0.042, by: "upper" } as const;
    const { seed, why } = choose([90, 80, 85], [4, 4, 3], upper);
    expect([seed, why]).toEqual(["1024", expect.stringContaining("of which none keeps the margin 0.042 by itself")]);
  });

  it("takes the best score for a rule without a margin, which is the lowest where lower is better", () => {
    expect(choose([80, 90, 70], [2, 50, 2], { rule: "score" }).seed).toBe("7");
    expect(choose([80, 50, 70], [2, 50, 2], { rule: "score" }, "low").seed).toBe("7");
    expect(choose([90, 90, 70], [5, 2, 2], { rule: "score" }).seed).toBe("7"); // of equal scores the lower ASR
  });

  it("has nothing to explain where there is one seed, or the merge is of all", () => {
    expect(choose([80], [2], margin)).toEqual({ seed: "42" });
    const results = { selection: { overall: { candidate: null } } } as unknown as ExperimentResults;
    expect(seedToShip(results, [undefined])).toEqual({});
  });
});
