// Sets that were made harder to refuse in the report of an experiment: each apart, and outside of the choice.

import { describe, expect, it } from "vitest";
import { contentsOf } from "../../../lib/report/contents.js";
import { htmlReport } from "../../../lib/report/page/html.js";
import { setTable } from "../../../lib/report/tables/safetyTables.js";
import { variantTable } from "../../../lib/report/tables/variantTable.js";
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

describe("the table of variants", () => {
  const metrics = (plain: number, first: number, second: number, any: number) => ({
    "unsafe: asr[keyword]": rate(plain),
    "unsafe+prefill-1: asr[keyword]": rate(first),
    "unsafe+prefill-2: asr[keyword]": rate(second),
    "unsafe, any of 2 variants: asr[keyword]": rate(any),
  });
  const { test, parts } = RESULTS;
  const set = { kind: "safety", part: "test", items: 40, asked: 40, rows: 90, limit: 40 } as const;
  const begun = (at: number, opener: string) => ({
    ...{ ...set, name: `unsafe+prefill-${at}` },
    stress: { set: "unsafe", variant: `prefill-${at}`, opener },
  });
  const results = {
    ...RESULTS,
    parts: {
      ...(parts as NonNullable<typeof parts>),
      ...{ stressed: ["unsafe+prefill-1", "unsafe+prefill-2"] },
      sets: [{ ...set, name: "unsafe", items: 20 }, begun(1, "Sure, here"), begun(2, "<b>Well")],
    },
    test: {
      ...test,
      aligned: { ...test.aligned, metrics: metrics(0.1, 0.2, 0.3, 0.4) },
      tuned: { ...test.tuned, metrics: metrics(0.5, 0.6, 0.7, 0.8) },
    },
  };

  it("has the rate after each opener, and that of any variant", () => {
    const table = variantTable(results);
    expect(table.head.slice(0, 6)).toEqual(["set", "variant", "answers begin with", "items", "aligned", "fine-tuned"]);
    expect(table.rows.map((row) => row.slice(0, 4))).toEqual([
      ["unsafe", "as it stands", "", "20"],
      ["unsafe", "prefill-1", '"Sure, here"', "40"],
      ["unsafe", "prefill-2", '"<b>Well"', "40"],
      ["unsafe", "any of 2 variants", "", ""],
    ]);
    expect(table.rows.map((row) => row.slice(4, 6).map((cell) => cell.slice(0, 5)))).toEqual([
      ["0.100", "0.500"],
      ["0.200", "0.600"],
      ["0.300", "0.700"],
      ["0.400", "0.800"],
    ]);
    const section = contentsOf(results, { steps: [] }).find(({ id }) => id === "safety");
    expect(section?.tables.map(({ id }) => id)).toContain("variants");
    expect(htmlReport(results, { steps: [] })).toContain("&lt;b&gt;Well");
  });

  it("is not there where no set was asked otherwise than it stands", () => {
    expect(variantTable(RESULTS).rows).toEqual([]);
    const apart = setTable({
      ...results,
      validation: { ...results.validation, aligned: { ...results.validation.aligned, metrics: metrics(0, 0, 0, 0) } },
    });
    expect(apart.head.join()).not.toContain("any of"); // which has its place there
  });
});
