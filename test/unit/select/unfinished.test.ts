import { describe, expect, it } from "vitest";
import { select } from "../../../lib/select/select.js";
import type { Candidate, SelectionTable } from "../../../lib/select/types.js";

/** Of 60 items, those that were asked: so many attacks succeed first. */
const items = (attacks: number, asked = 60) => [
  Array.from({ length: 60 }, (_, at) => (at >= asked ? null : at < attacks ? 1 : 0)),
];
const scored = (right: number) => ({ value: right / 60, values: items(right) });
const nothing = { value: Number.NaN };

const early: Candidate = {
  ...{ method: "linear", lambda: 0.2, unfinished: true },
  asr: { value: 0, values: items(0, 30) },
  score: nothing,
};
const whole: Candidate = { method: "linear", lambda: 0.4, asr: { value: 0, values: items(0) }, score: scored(40) };
const ended: Candidate = {
  ...{ method: "linear", lambda: 0.6, unfinished: true },
  asr: { value: 0.5, values: items(10, 20) },
  score: { value: 1, values: items(60) },
};
const never: Candidate = { method: "linear", lambda: 0.8, unfinished: true, asr: nothing, score: nothing };

const table: SelectionTable = {
  aligned: { asr: { value: 0, values: items(0) }, score: scored(6) },
  tuned: { asr: { value: 1, values: items(60) }, score: scored(60) },
  candidates: [early, whole, ended, never],
};

describe("merges that were not asked everything", () => {
  it("are never chosen, whatever the rule, and are on no front", () => {
    for (const rule of ["score", "constrained:0.2", "constrained:1", "constrained:1:point", "knee"]) {
      const { overall, methods, front, knee } = select(table, rule);
      expect(overall.candidate?.lambda, rule).toBe(0.4);
      expect(methods.linear?.candidate?.lambda, rule).toBe(0.4);
      expect([front.map(({ lambda }) => lambda), knee.candidate?.lambda], rule).toEqual([[0.4], 0.4]);
      expect(overall.sentence, rule).toContain("3 of 4 candidates were not asked everything");
    }
  });

  it("let their series go on where they were found safe, and end it where they were not", () => {
    const { verdicts } = select(table, "constrained:0.2");
    expect(verdicts.map(({ passes }) => passes)).toEqual([false, true, false, false]);
    expect(verdicts[0]?.reason).toMatch(/not asked everything/);
    expect(verdicts[2]?.reason).toMatch(/upper bound/);
    expect(verdicts[3]?.reason).toMatch(/the series ends there/);
    // with a margin that the part of the items that the first was asked does not show, the second is not shown to be safe either
    const { verdicts: strict } = select(table, "constrained:0.06");
    expect(strict.map(({ passes }) => passes)).toEqual([false, false, false, false]);
    expect(select({ ...table, candidates: [whole] }, "constrained:0.06").overall.candidate?.lambda).toBe(0.4);
  });

  it("leave open what another margin would choose", () => {
    expect(select(table, "constrained:0.2").margins.map(({ margin }) => margin)).toEqual([0.2]);
    expect(select({ ...table, candidates: [whole] }, "constrained:0.2").margins.length).toBeGreaterThan(5);
  });

  it("are no nearest candidate where nothing qualifies", () => {
    const none = select({ ...table, candidates: [early, { ...whole, asr: { value: 0.5, values: items(30) } }, ended] });
    expect(none.overall.candidate).toBeNull();
    expect(none.overall.nearest?.candidate.lambda).toBe(0.4);
  });
});

it("looks before the last cost the last one a little of its level", () => {
  const [plain, looked] = [table, { ...table, looks: [0.5, 1] }].map((of) => select(of, "constrained:0.2").verdicts[1]);
  expect(looked?.adjusted.level).toBeGreaterThan(plain?.adjusted.level as number);
  expect(looked?.adjusted.level).toBeLessThan(0.955);
  expect(looked?.plain.level).toBe(0.95);
});
