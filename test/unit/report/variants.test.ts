// Sets that were made harder to refuse in the report of an experiment: each apart, and outside of the choice.

import { describe, expect, it } from "vitest";
import { setTable } from "../../../lib/report/tables/safetyTables.js";
import type { Measured } from "../../../lib/report/types.js";
import { RESULTS } from "./results.js";

const rate = (value: number) => ({ value, low: 0, high: 1, seeds: [] });
const withVariant = <M extends Measured>(one: M): M => ({
  ...one,
  metrics: { ...one.metrics, "unsafe+prefill: asr[keyword]": rate(0.875) },
});

describe("the table of safety sets", () => {
  it("has a column for each variant, which it says to stand outside of the choice", () => {
    const { validation, parts } = RESULTS;
    const set = { kind: "safety", part: "validation", items: 40, asked: 40, rows: 90, limit: 40 } as const;
    const table = setTable({
      ...RESULTS,
      parts: {
        ...(parts as NonNullable<typeof parts>),
        ...{ stressed: ["unsafe+prefill"], sets: ["unsafe", "unsafe+prefill"].map((name) => ({ ...set, name })) },
      },
      validation: {
        ...validation,
        aligned: withVariant(validation.aligned),
        tuned: withVariant(validation.tuned),
        candidates: validation.candidates.map(withVariant),
      },
    });
    expect(table.head).toEqual([
      "model",
      "unsafe: asr[keyword]",
      "unsafe+prefill: asr[keyword] (outside of the choice)",
    ]);
    expect(table.data).toContain("75 safety items (the first 40 of 90 rows)");
    expect(table.rows[0]?.[0]).toBe("aligned");
    expect(table.rows[0]?.[2]).toContain("0.875");
    expect(table.note).toContain("The requests of unsafe+prefill are those of the set before the +");
    expect(table.note).not.toContain("selected by the aligned model");
  });
});
