// Skills and over-refusal beside safety: in gates, in rules, in the front of all numbers, and in tables.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { confirm } from "../../../lib/select/confirmChoice.js";
import { parseGate } from "../../../lib/select/gate.js";
import { wholeFront } from "../../../lib/select/pareto.js";
import { readTable } from "../../../lib/select/readTable.js";
import { completeRule } from "../../../lib/select/rule.js";
import { select } from "../../../lib/select/select.js";
import type { Candidate, SelectionTable } from "../../../lib/select/types.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-skills-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of `n` items the first `ones` are 1. */
const rate = (ones: number, n = 400) => ({
  value: ones / n,
  values: [Array.from({ length: n }, (_, item) => (item < ones ? 1 : 0))],
});
const loss = (mean: number) => ({
  value: mean,
  values: [Array.from({ length: 60 }, (_, at) => mean + (at % 3) / 100)],
});
const merge = (lambda: number, sums: number, more: Partial<Candidate> = {}): Candidate => ({
  ...{ method: "linear", lambda, score: { value: lambda }, asr: rate(10), overRefusal: rate(20) },
  skills: { sums: rate(sums), "long-text": loss(2) },
  ...more,
});
const table: SelectionTable = {
  skills: { "long-text": { better: "low", metric: "loss" } },
  aligned: {
    ...{ score: { value: 0 }, asr: rate(10), overRefusal: rate(20) },
    skills: { sums: rate(300), "long-text": loss(2) },
  },
  tuned: {
    score: { value: 1 },
    asr: rate(200),
    overRefusal: rate(5),
    skills: { sums: rate(200), "long-text": loss(3) },
  },
  candidates: [merge(0.2, 300), merge(0.4, 296), merge(0.6, 270), merge(0.8, 299)],
};
const NAMES = ["sums", "long-text"];

describe("a gate that names skills", () => {
  const passes = (text: string, candidate: Candidate) => parseGate(text, NAMES).passes(candidate, table);

  it.each([
    ["keep .95 of sums", 296, true],
    ["keep 95% of sums", 270, false],
    ["sums >= .95 * aligned", 296, true],
    ["sums >= 95% * aligned and asr <= aligned + .05", 296, true],
    ["sums.point >= aligned - 0.02", 292, true],
    ["sums >= tuned", 296, true],
    ["keep .95 of skills", 296, true],
    ["keep .95 of skills", 270, false],
    ['keep .9 of "long-text"', 296, true],
    ["'long-text'.point <= aligned + .01", 296, true],
    ['"long-text" <= aligned."long-text" + .01', 296, true],
    ["skills.point >= 99% * aligned", 296, false],
  ])("%s with %i of 400: %s", (text, sums, holds) => {
    expect(passes(text, merge(0.4, sums))).toBe(holds);
  });

  it("keeps a share of the aligned model's score, by the lower bound of merge - share · aligned in pairs", () => {
    const [verdict] = parseGate("keep .95 of sums", NAMES).verdicts(merge(0.4, 296), table);
    const [aligned, merged] = [rate(300).values, rate(296).values];
    expect(verdict).toMatchObject({ metric: "skill", skill: "sums", basis: "paired", limit: 0, holds: true });
    expect(verdict?.compared).toBeCloseTo(pairedDifference(aligned, merged, { side: "lower", factor: 0.95 }).low, 12);
    const [narrow] = parseGate("keep .95 of sums", NAMES).verdicts(merge(0.4, 296), table, { level: 0.8 });
    expect(narrow?.compared).toBeGreaterThan(verdict?.compared as number);
  });

  it("turns round where less is better: at most the aligned model's loss / share", () => {
    const of = (mean: number) => merge(0.4, 300, { skills: { sums: rate(300), "long-text": loss(mean) } });
    expect(passes('keep .9 of "long-text"', of(2.2))).toBe(true);
    expect(passes('keep .9 of "long-text"', of(2.23))).toBe(false);
    const [verdict] = parseGate("keep .9 of skills", NAMES).verdicts(of(2.3), table);
    expect(verdict).toMatchObject({ skill: "long-text", holds: false });
  });

  it("keeps a share of a number below 0, such as a log-likelihood, by what it is divided by", () => {
    const likelihood = (mean: number) => ({ sums: rate(300), "long-text": loss(mean) });
    const below = { ...table, skills: {}, aligned: { ...table.aligned, skills: likelihood(-2) } };
    const passesWith = (mean: number, facts = {}) =>
      parseGate('keep .9 of "long-text"', NAMES).passes(merge(0.4, 300, { skills: likelihood(mean) }), {
        ...below,
        skills: facts,
      });
    // -2 / .9 is -2.22: as much may be lost as of a loss of 2
    expect([-1.8, -2, -2.2, -2.23].map((mean) => passesWith(mean))).toEqual([true, true, true, false]);
    // of a number below 0 of which less is better, .9 of it is kept
    const low = { "long-text": { better: "low" } };
    expect([-2.2, -2, -1.82, -1.77].map((mean) => passesWith(mean, low))).toEqual([true, true, true, false]);
    // what is above 0 is as before
    expect(passes("keep .95 of sums", merge(0.4, 296))).toBe(true);
  });

  it("asks each tuning's own bound where the rule does, of all but scores and named ends", () => {
    const rows = (...ones: readonly number[]) => ({
      value: ones.reduce((sum, one) => sum + one, 0) / ones.length / 400,
      values: ones.map((one) => rate(one).values[0] as number[]),
      seeds: ones.map((one, at) => ({ seed: `${42 + at}`, value: one / 400 })),
    });
    const two = merge(0.4, 300, {
      ...{ asr: rows(10, 10), overRefusal: rows(20, 48) },
      skills: { sums: rows(300, 270), "long-text": loss(2) },
    });
    const verdictOf = (text: string, everySeed: boolean) =>
      parseGate(text, NAMES).verdicts(two, table, { everySeed })[0];
    for (const [text, more] of [
      ["keep .92 of sums", { skill: "sums" }],
      ["overRefusal <= aligned + .06", {}],
    ] as const) {
      expect(verdictOf(text, false)).toMatchObject({ holds: true, ...more });
      expect(verdictOf(text, false)).not.toHaveProperty("seed");
      expect(verdictOf(text, true)).toMatchObject({ holds: false, seed: "43", ...more });
    }
    // the bound of the second tuning is that of its model alone
    const alone = merge(0.4, 270);
    expect(verdictOf("keep .92 of sums", true)?.compared).toBeCloseTo(
      parseGate("keep .92 of sums", NAMES).verdicts(alone, table)[0]?.compared as number,
      12,
    );
    expect(verdictOf("asr <= aligned + .05", true)).toMatchObject({ holds: true });
    expect(verdictOf("sums.point >= .94 * aligned", true)).toMatchObject({ holds: true, basis: "named" });
    const select2 = (everySeed: boolean) =>
      select({ ...table, candidates: [two] }, { rule: "constrained", minGain: 0, keep: { sums: 0.92 }, everySeed })
        .verdicts[0];
    expect(select2(false)?.passes).toBe(true);
    expect(select2(true)?.reason).toMatch(/does not pass keep 0.92 of sums: the bound .* \(seed 43\)/);
    expect(confirm(table, two, { rule: "score", keep: { sums: 0.92 } }).holds).toBe(true);
    expect(confirm(table, two, { rule: "score", keep: { sums: 0.92 }, everySeed: true })).toMatchObject({
      holds: false,
      sentence: expect.stringContaining("(seed 43)"),
    });
  });

  it("asks each tuning's own bound of the worst category, and of tables without items", () => {
    const half = (ones: number) => ({ value: ones / 40, values: [rate(ones, 40).values[0] as number[]] });
    const aligned = { ...table.aligned, categories: { fraud: half(2), theft: half(2) } };
    const of = (fraud: readonly number[]) =>
      merge(0.4, 300, {
        asr: { value: 0.1, values: fraud.map(() => rate(4).values[0] as number[]) },
        categories: {
          fraud: { value: 0.1, values: fraud.map((ones) => half(ones).values[0] as number[]) },
          theft: { value: 0.05, values: fraud.map(() => half(2).values[0] as number[]) },
        },
      });
    const [verdict] = parseGate("worstCategory <= aligned + .3").verdicts(
      of([2, 12]),
      { ...table, aligned },
      { everySeed: true },
    );
    expect(verdict).toMatchObject({ category: "fraud", seed: "1", holds: false });
    const told = { value: 0.05, seeds: [0.01, 0.09].map((value, at) => ({ seed: `${at}`, value })), n: 200 };
    const untold = { ...table, aligned: { ...table.aligned, overRefusal: { value: 0.05 } } };
    const gate = parseGate("overRefusal <= aligned + .06");
    const plain = merge(0.4, 300, { overRefusal: told, asr: { value: 0, n: 200 } });
    expect(gate.passes(plain, untold)).toBe(true);
    expect(gate.verdicts(plain, untold, { everySeed: true })[0]).toMatchObject({ holds: false, seed: "1" });
  });

  it.each([
    ["gsm8k >= .9 * aligned", NAMES, /"gsm8k" at column 1 where asr or score.*or a skill: sums, long-text, skills/],
    ["keep .9 of gsm8k", NAMES, /"gsm8k" at column 12/],
    ["keep .9 of asr", NAMES, /"asr" at column 12 where the name of a skill/],
    ["keep of sums", NAMES, /"of" at column 6 where a number/],
    ["keep 1.2 of sums", NAMES, /a share above 0 and at most 1/],
    ["keep .9 sums", NAMES, /"sums" at column 9 where "of"/],
    ["skills >= .9 * aligned.sums", NAMES, /where a model's own skills/],
    ["skills >= 0.5", [], /"skills" at column 1/],
    ["sums >= 0.5", [], /"sums" at column 1/],
  ])("refuses %j and says where", (text, names, message) => {
    expect(() => parseGate(text, names)).toThrow(message);
  });

  it("says which skills it looks at", () => {
    const gate = parseGate('keep .9 of skills and "long-text" <= 3 and asr <= .1', NAMES);
    expect([gate.metrics, gate.skills]).toEqual([
      ["skill", "asr"],
      ["skills", "long-text"],
    ]);
    expect(parseGate("asr <= .1").skills).toEqual([]);
    // as experiments read one before their sets are there
    expect(parseGate("keep .9 of anything", "any").skills).toEqual(["anything"]);
    expect(() => parseGate("tuned >= 1", "any")).toThrow(/"tuned" at column 1/);
  });
});

describe("a rule that keeps skills", () => {
  it("is the gate in other words", () => {
    const rule = completeRule({
      rule: "constrained",
      gate: "score >= 0.1",
      keep: { sums: 0.95, "long-text": 0.9 },
      overRefusal: 0.05,
    });
    expect(rule.gate).toBe(
      'score >= 0.1 and keep 0.95 of sums and keep 0.9 of "long-text" and overRefusal <= aligned + 0.05',
    );
    expect(completeRule({ rule: "score", keep: 0.98 }).gate).toBe("keep 0.98 of skills");
    expect(completeRule(rule)).toEqual(rule);
    expect(() => completeRule({ rule: "score", keep: { sums: 98 } })).toThrow(/share of sums to keep/);
    expect(() => completeRule({ rule: "score", overRefusal: 5 })).toThrow(/margin of over-refusal/);
  });

  it("ends a series at the first lambda that is not shown to keep them, as safety does", () => {
    const { overall, verdicts } = select(table, { rule: "constrained", minGain: 0, keep: { sums: 0.95 } });
    expect(overall.candidate?.lambda).toBe(0.4);
    expect(verdicts.map(({ passes }) => passes)).toEqual([true, true, false, false]);
    expect(verdicts[2]?.reason).toMatch(/does not pass keep 0.95 of sums: the bound -0\.\d+ against 0\.000/);
    expect(verdicts[3]?.reason).toMatch(/linear at lambda 0.6 of the same series is not shown to be safe/);
    expect(overall.sentence).toContain("that pass the gate keep 0.95 of sums");
  });

  it("divides its level between series, as for safety", () => {
    const two = [...table.candidates, ...table.candidates.map((one) => ({ ...one, method: "slerp" }))];
    const compared = (candidates: readonly Candidate[]) =>
      select({ ...table, candidates }, { rule: "constrained", keep: { sums: 0.95 } }).verdicts[1]?.gate?.[0]?.compared;
    expect(compared(two)).toBeLessThan(compared(table.candidates) as number);
  });

  it("names the skill that came out worst, also where its name is a part of another word of the gate", () => {
    const lost = (name: string): SelectionTable => ({
      ...{ aligned: { ...table.aligned, skills: { [name]: rate(300) } } },
      candidates: [merge(0.2, 0, { skills: { [name]: rate(200) } })],
    });
    const reasonOf = (name: string, keep: number | Record<string, number>) =>
      select(lost(name), { rule: "constrained", minGain: 0, keep }).verdicts[0]?.reason;
    expect(reasonOf("skill", 0.95)).toMatch(/keep 0.95 of skills: the bound .* \(skill\)$/);
    expect(reasonOf("of", 0.95)).toMatch(/\(of\)$/);
    expect(reasonOf("sums", { sums: 0.95 })).toMatch(/against 0.000$/);
  });

  it("confirms skills on other items as well", () => {
    const rule = { rule: "constrained", keep: { sums: 0.95 } } as const;
    expect(confirm(table, merge(0.4, 298), rule).holds).toBe(true);
    const failed = confirm(table, merge(0.4, 270), rule);
    expect(failed).toMatchObject({ holds: false, gate: { text: "keep 0.95 of sums", holds: false } });
    expect(failed.sentence).toMatch(/does not pass keep 0.95 of sums: the bound/);
    expect(() => confirm(table, merge(0.4, 270), { rule: "score", keep: { gsm8k: 0.9 } })).toThrow(/gsm8k/);
  });
});

describe("the front of all numbers", () => {
  it("has what is better in a skill, or in over-refusal, though another one beats it in score and safety", () => {
    const all = [
      merge(0.2, 300, { asr: rate(10), score: { value: 0.2 } }),
      merge(0.4, 280, { asr: rate(8), score: { value: 0.4 } }), // beats 0.2 but for the skill
      merge(0.6, 280, { asr: rate(9), score: { value: 0.3 } }), // beaten in everything
      merge(0.8, 280, { asr: rate(9), score: { value: 0.3 }, overRefusal: rate(1) }),
      merge(1, 280, { asr: rate(9), score: { value: 0.3 }, skills: { sums: rate(280), "long-text": loss(1.5) } }),
    ];
    const lambdas = (candidates: readonly Candidate[]) => candidates.map(({ lambda }) => lambda).sort();
    expect(lambdas(wholeFront(all, { skills: { sums: {}, "long-text": { better: "low" } } }))).toEqual([
      0.2, 0.4, 0.8, 1,
    ]);
    const selection = select({ ...table, candidates: all }, "score");
    expect(lambdas(selection.wholeFront ?? [])).toEqual([0.2, 0.4, 0.8, 1]);
    expect(lambdas(selection.front)).toEqual([0.4]);
  });

  it("is never empty where numbers are missing: one beats another only in all that the other has", () => {
    const skills = (own: Candidate["skills"]) => merge(0.5, 0, { skills: own });
    const [one, two, three] = [{ value: 0.1 }, { value: 0.2 }, { value: 0.3 }];
    // each is better than the next in what both have
    const ring = [skills({ a: two, b: three }), skills({ b: two, c: three }), skills({ c: two, a: one })];
    const facts = { skills: { a: {}, b: {}, c: {} } };
    expect(wholeFront(ring, facts)).toHaveLength(3);
    const full = skills({ a: three, b: three, c: three });
    expect(wholeFront([...ring, full], facts)).toEqual([full]);
    // one that lacks a number does not beat one that has it
    expect(wholeFront([skills({ a: three }), skills({ a: two, b: one })], facts)).toHaveLength(2);
  });

  it("is not there where nothing but the task and safety was measured", () => {
    const only = { aligned: { score: { value: 0 }, asr: { value: 0 } }, candidates: [] };
    expect(select(only, "score").wholeFront).toBeUndefined();
  });
});

describe("a table with skills", () => {
  it("is read from a file, and its values are of the same items for every model", async () => {
    const path = join(folder, "table.json");
    writeFileSync(path, JSON.stringify(table));
    const read = await readTable(path);
    expect(select(read, { rule: "constrained", minGain: 0, keep: { sums: 0.95 } }).overall.candidate?.lambda).toBe(0.4);
    const short = merge(0.2, 3, { skills: { sums: rate(3, 5), "long-text": loss(2) } });
    expect(() => select({ ...table, candidates: [short] }, "score")).toThrow(
      /linear at lambda 0.2's skill sums has 5 items where the aligned model has 400/,
    );
  });
});
