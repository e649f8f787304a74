// Series over a parameter other than lambda, whose safe end may be its largest value.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { outlook } from "../../../lib/select/outlook.js";
import { readTable } from "../../../lib/select/readTable.js";
import { select } from "../../../lib/select/select.js";
import type { Candidate, SelectionTable } from "../../../lib/select/types.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-varied-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ITEMS = 200;
const attacks = (count: number) => ({
  value: count / ITEMS,
  values: [Array.from({ length: ITEMS }, (_, at) => (at < count ? 1 : 0))],
});
const safer = { parameter: "gamma", safer: "larger" } as const;
/** More gamma is safer, and scores less. */
const gamma = (value: number, count: number): Candidate => ({
  ...{ method: "resta", lambda: 1, parameters: { gamma: value, density: 1 }, varied: safer },
  ...{ asr: attacks(count), score: { value: 1 - value } },
});
const table: SelectionTable = {
  aligned: { asr: attacks(0), score: { value: 0 } },
  tuned: { asr: attacks(150), score: { value: 1 } },
  // in no order of their own
  candidates: [gamma(0.3, 4), gamma(0.1, 60), gamma(0.5, 0), gamma(0.2, 3)],
};

describe("a series over a parameter", () => {
  it("goes from its safe end, the largest value, and stops at the first that fails", () => {
    const { overall, verdicts, methods } = select(table, "constrained:0.06");
    expect(verdicts.map(({ candidate }) => candidate.parameters?.gamma)).toEqual([0.5, 0.3, 0.2, 0.1]);
    expect(new Set(verdicts.map(({ series }) => series))).toEqual(
      new Set(["resta over gamma at lambda 1 (density 1)"]),
    );
    expect(verdicts.map(({ passes }) => passes)).toEqual([true, true, true, false]);
    expect(overall.candidate?.parameters?.gamma).toBe(0.2);
    expect(overall.sentence).toMatch(/^resta at lambda 1 \(density 1, gamma 0\.2\) has the best/);
    expect(methods.resta?.candidate).toBe(overall.candidate);
    // one that fails in the middle ends it, though the next one would pass
    const candidates = [gamma(0.5, 0), gamma(0.3, 40), gamma(0.2, 3)];
    const { verdicts: ended } = select({ ...table, candidates }, "constrained:0.06");
    expect(ended.map(({ passes }) => passes)).toEqual([true, false, false]);
    expect(ended[2]?.reason).toMatch(/resta at lambda 1 \(density 1, gamma 0\.3\) of the same series is not shown/);
  });

  it("takes one share of the level, where each value by itself would take one", () => {
    const alone = table.candidates.map(({ varied: _, ...one }) => one);
    const [series, apart] = [table.candidates, alone].map((candidates) =>
      select({ ...table, candidates }, "constrained:0.06"),
    );
    expect(series?.verdicts[0]?.adjusted.level).toBe(0.95);
    expect(apart?.verdicts[0]?.adjusted.level).toBeCloseTo(1 - 0.05 / 4, 12);
    // what is just shown at the whole level is not at a quarter of it
    const bound = series?.verdicts[1]?.adjusted.bound as number;
    const passing = (candidates: readonly Candidate[]) =>
      select({ ...table, candidates }, `constrained:${bound}`).verdicts.filter(({ passes }) => passes);
    expect(passing(table.candidates).map(({ candidate }) => candidate.parameters?.gamma)).toEqual([0.5, 0.3, 0.2]);
    expect(passing(alone).map(({ candidate }) => candidate.parameters?.gamma)).toEqual([0.5]);
  });

  it("is in the other direction where smaller is safer, beside a series over lambda of the same method", () => {
    const kept = (s: number, count: number): Candidate => ({
      ...{ method: "safe_delta", lambda: 1, parameters: { s }, varied: { parameter: "s", safer: "smaller" } },
      ...{ asr: attacks(count), score: { value: s } },
    });
    const lambda = (value: number): Candidate => ({
      ...{ method: "safe_delta", lambda: value, parameters: { s: 0.1 } },
      ...{ asr: attacks(0), score: { value } },
    });
    const candidates = [kept(10, 80), lambda(0.8), kept(0.5, 0), lambda(0.4)];
    const { verdicts } = select({ ...table, candidates }, "constrained:0.06");
    expect(verdicts.map(({ series, candidate }) => [series, candidate.lambda, candidate.parameters?.s])).toEqual([
      ["safe_delta (s 0.1)", 0.4, 0.1],
      ["safe_delta (s 0.1)", 0.8, 0.1],
      ["safe_delta over s at lambda 1", 1, 0.5],
      ["safe_delta over s at lambda 1", 1, 10],
    ]);
  });

  it("names its nearest, and the margin that all before it would take as well", () => {
    const candidates = [gamma(0.5, 20), gamma(0.3, 12), gamma(0.2, 90)];
    const { overall } = select({ ...table, candidates }, "constrained:0.05");
    expect(overall.nearest?.candidate.parameters?.gamma).toBe(0.3);
    // the one before it in its series needs more than it does itself
    expect(overall.sentence).toContain("(with what comes before it in its series)");
    const first = select({ ...table, candidates: [gamma(0.5, 20)] }, "constrained:0.05").overall.nearest;
    expect(overall.nearest?.margin).toBeCloseTo(first?.margin as number, 12);
    const chosen = table.candidates[2] as Candidate;
    expect(outlook(table, "constrained:0.06", chosen).next?.candidate.parameters?.gamma).toBe(0.2);
  });

  it("wins a tie with what is nearer to its safe end", () => {
    const alike = [0.1, 0.5, 0.3].map((value) => ({ ...gamma(value, 0), score: { value: 0.7 } }));
    expect(select({ ...table, candidates: alike }, "score").overall.candidate?.parameters?.gamma).toBe(0.5);
  });

  it("is read from a file", async () => {
    const file = join(folder, "table.json");
    writeFileSync(file, JSON.stringify(table));
    const read = await readTable(file);
    expect(read.candidates[0]?.varied).toEqual(safer);
    expect(select(read, "constrained:0.06").overall.candidate?.parameters?.gamma).toBe(0.2);
    writeFileSync(
      file,
      JSON.stringify({ ...table, candidates: [{ ...table.candidates[0], varied: { parameter: "gamma" } }] }),
    );
    await expect(readTable(file)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("safer"),
    });
  });

  it("is refused where it has no order", () => {
    const without = { ...gamma(0.3, 0), parameters: { density: 1 } };
    expect(() => select({ ...table, candidates: [without] })).toThrow(
      /varies gamma, and its parameters have no number of it/,
    );
    const turned = { ...gamma(0.3, 0), varied: { parameter: "gamma", safer: "smaller" } as const };
    expect(() => select({ ...table, candidates: [gamma(0.5, 0), turned] })).toThrow(
      /resta over gamma at lambda 1 \(density 1\) is safer both when it is larger and when it is smaller/,
    );
  });
});
