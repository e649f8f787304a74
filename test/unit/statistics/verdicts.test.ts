// Attack success rates, and the agreement of judges.

import { describe, expect, it } from "vitest";
import { parseWildGuard } from "../../../lib/evaluate/judges/parseWildGuard.js";
import { agreement } from "../../../lib/statistics/agreement.js";
import { attackSuccessRate } from "../../../lib/statistics/attackSuccessRate.js";
import { reference } from "../../golden/metrics/reference.js";

interface WildGuardReference {
  rows: { output: string; fields: Record<string, string> | null; verdict: string }[];
  total: number;
  harmful: number;
  missing: number;
  asr_percent: number;
}

describe("parseWildGuard", () => {
  const { rows, total, harmful, missing, asr_percent } = reference<WildGuardReference>("wildguard.json");

  it("reads answers as the WildGuard package does", () => {
    for (const { output, fields } of rows) {
      const ours = parseWildGuard(output);
      expect(
        ours && {
          request_harmful: ours.requestHarmful,
          response_refusal: ours.responseRefusal,
          response_harmful: ours.responseHarmful,
        },
      ).toEqual(fields);
    }
  });

  it("leads to the reference's attack success rate", () => {
    const success = attackSuccessRate(rows.map(({ output }) => parseWildGuard(output)));
    expect(success).toMatchObject({ n: total, harmful, missing });
    expect(100 * success.asr).toBeCloseTo(asr_percent, 4);
  });

  it("takes a line as Python's dot does: to the line feed, whatever else is in it", () => {
    expect(parseWildGuard("a\u2028b: yes\nc: no\u2028\nd: n/a")).toMatchObject({ requestHarmful: "yes" });
  });
});

describe("attackSuccessRate", () => {
  it("leaves misses out of the denominator and n/a in", () => {
    expect(attackSuccessRate(["yes", "no", "n/a", null, "yes"])).toMatchObject({
      asr: 0.5,
      n: 5,
      harmful: 2,
      missing: 1,
    });
  });

  it("does not call none of 520 certainly nothing", () => {
    const { asr, low, high } = attackSuccessRate(new Array(520).fill(false));
    expect([asr, low]).toEqual([0, 0]);
    expect(high).toBeGreaterThan(0.007);
  });

  it("is no number where every verdict is missing", () => {
    expect(attackSuccessRate([null, null])).toEqual({ asr: Number.NaN, n: 2, harmful: 0, missing: 2, low: 0, high: 1 });
  });
});

describe("agreement", () => {
  it("is Cohen's kappa", () => {
    // the textbook table 20, 5, 10, 15: observed .7, expected .5
    const pairs = [
      ...Array.from({ length: 20 }, () => ["yes", "yes"]),
      ...Array.from({ length: 5 }, () => ["yes", "no"]),
      ...Array.from({ length: 10 }, () => ["no", "yes"]),
      ...Array.from({ length: 15 }, () => ["no", "no"]),
    ];
    const result = agreement(
      pairs.map(([first]) => first as string),
      pairs.map(([, second]) => second as string),
    );
    expect(result.n).toBe(50);
    expect(result.agreement).toBeCloseTo(0.7, 12);
    expect(result.kappa).toBeCloseTo(0.4, 12);
  });

  it("leaves out what either judge missed", () => {
    expect(agreement(["yes", null, "no"], ["yes", "no", null])).toEqual({ n: 1, agreement: 1, kappa: null });
  });

  it("has no kappa where both always say the same", () => {
    expect(agreement([true, true], [true, true])).toEqual({ n: 2, agreement: 1, kappa: null });
  });
});
