// The table of `retemper compare`.

import { describe, expect, it } from "vitest";
import { comparisonTable } from "../../../lib/cli/evaluationTable.js";
import type { Comparison } from "../../../lib/index.js";

/** A comparison with tests of these p values, and Holm's. */
function comparisonOf(...tests: readonly (readonly [p: number, pHolm: number])[]): Comparison {
  const measure = { value: 0.5, low: 0.4, high: 0.6, n: 20, missing: 0, better: "low" };
  const tasks = tests.map(([p, pHolm], at) => ({
    name: `task${at}`,
    metrics: {
      asr: { better: "low", a: measure, b: measure, difference: 0, low: 0, high: 0, p, pHolm, test: "mcnemar", n: 20 },
    },
  }));
  return { tasks } as unknown as Comparison;
}

describe("comparisonTable", () => {
  it("has Holm's p in a column of its own where there are several tests", () => {
    const [head, ...rows] = comparisonTable(comparisonOf([0.01, 0.02], [0.0001, 0.0002]))
      .trim()
      .split("\n");
    expect(head).toMatch(/ p +p, Holm +n$/);
    expect(rows.at(-2)).toMatch(/0\.010 mcnemar +0\.020 +20$/);
    expect(rows.at(-1)).toMatch(/<\.001 mcnemar +<\.001 +20$/);
  });

  it("has none for one test, whose p is the same", () => {
    expect(comparisonTable(comparisonOf([0.01, 0.01]))).not.toContain("Holm");
  });
});
