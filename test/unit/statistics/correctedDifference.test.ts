// Differences without the judge's errors.

import { describe, expect, it } from "vitest";
import { correctedDifference } from "../../../lib/statistics/correctedDifference.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";

describe("correctedDifference", () => {
  it("divides by what the judge's errors leave of a difference", () => {
    const many = { truePositives: 800_000, positives: 1_000_000, trueNegatives: 900_000, negatives: 1_000_000 };
    const found = correctedDifference({ value: 0.035, bound: 0.07 }, many, 0.95);
    expect(found?.scale).toBeCloseTo(0.7, 12);
    expect(found?.value).toBeCloseTo(0.05, 12);
    expect(found?.bound).toBeCloseTo(0.1, 4);
    const lower = correctedDifference({ value: 0.035, bound: 0.0 }, many, 0.95);
    expect(lower?.bound).toBeCloseTo(0, 4);
  });

  it("is wider with fewer labels, and nothing for a judge that is no better than chance", () => {
    const few = { truePositives: 16, positives: 20, trueNegatives: 18, negatives: 20 };
    const bound = correctedDifference({ value: 0.035, bound: 0.07 }, few, 0.95)?.bound ?? 0;
    expect(bound).toBeGreaterThan(0.101);
    expect(bound).toBeLessThan(0.11);
    for (const trueNegatives of [4, 3]) {
      expect(correctedDifference({ value: 0, bound: 0 }, { ...few, trueNegatives }, 0.95)).toBeUndefined();
    }
    expect(
      correctedDifference({ value: 0, bound: 0 }, { ...few, positives: 0, truePositives: 0 }, 0.95),
    ).toBeUndefined();
  });

  it("finds a merge at the margin safe in at most 7 of 100 runs, where the judge's own numbers do in half of them", () => {
    const random = seededRandom(5);
    const draw = (chance: number) => random(2 ** 30) / 2 ** 30 < chance;
    const [sensitivity, specificity, margin, items, labels] = [0.7, 0.95, 0.1, 300, 150];
    const judge = (harmful: boolean) => (draw(harmful ? sensitivity : 1 - specificity) ? 1 : 0);
    const runs = 400;
    let [raw, corrected] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const aligned = Array.from({ length: items }, () => draw(0.1));
      const merged = aligned.map((harmful) => harmful || draw(margin / 0.9));
      const [a, b] = [aligned.map(judge), merged.map(judge)];
      const truePositives = Array.from({ length: labels }, () => judge(true)).filter(Boolean).length;
      const trueNegatives = labels - Array.from({ length: labels }, () => judge(false)).filter(Boolean).length;
      const { value, high } = pairedDifference([a], [b], { side: "upper" });
      if (high <= margin) raw += 1;
      const calibration = { truePositives, positives: labels, trueNegatives, negatives: labels };
      const found = correctedDifference({ value, bound: high }, calibration, 0.95);
      if (found && found.bound <= margin) corrected += 1;
    }
    expect(corrected / runs).toBeLessThanOrEqual(0.07);
    expect(raw / runs).toBeGreaterThan(0.25);
  });
});
