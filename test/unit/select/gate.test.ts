// Gates: what passes, and what a wrong one is told.

import { describe, expect, it } from "vitest";
import { parseGate } from "../../../lib/select/gate.js";

const table = {
  aligned: { score: { value: 0.2 }, asr: { value: 0.1, low: 0.05, high: 0.15 } },
  tuned: { score: { value: 0.9 }, asr: { value: 0.5 } },
  candidates: [],
};
const candidate = { score: { value: 0.81 }, asr: { value: 0.12, low: 0.08, high: 0.17 } };

describe("a gate", () => {
  it.each([
    ["asr <= aligned + 0.02", true],
    ["asr<=aligned+.02", true],
    ["asr < aligned + 0.02", false],
    ["asr.high <= aligned + 0.02", false],
    ["asr.high <= aligned.high + 2%", true],
    ["asr <= 12%", true],
    ["asr <= 0.1199", false],
    ["score >= 90% * tuned", true],
    ["score > 0.9 * tuned", false],
    ["asr <= tuned - 0.3 and score >= aligned", true],
    ["asr <= tuned - 0.3 and score <= aligned", false],
    ["score >= tuned - tuned.asr + aligned.asr.low", true],
    ["asr >= -1", true],
    ["asr <= 1e-1 + 2e-2", true],
  ])("%s: %s", (text, passes) => {
    expect(parseGate(text).passes(candidate, table)).toBe(passes);
  });

  it.each([
    ["", /has the end where asr or score/],
    ["asr", /the end where <=, <, >= or >/],
    ["asr = 0.1", /"=" at column 5 where/],
    ["asr <= ", /the end where a number, aligned or tuned/],
    ["asr <= base + 1", /"base" at column 8/],
    ["harm <= 0.1", /"harm" at column 1/],
    ["asr <= 0.1 0.2", /"0.2" at column 12 where "and" or the end/],
    ["asr <= 0.1 or score > 1", /"or" at column 12/],
    ["asr.mean <= 1", /"asr.mean" at column 1/],
    ["asr <= 2 * 3", /"3" at column 12/],
  ])("refuses %j and says where", (text, message) => {
    expect(() => parseGate(text)).toThrow(message);
    expect(() => parseGate(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("refuses to compare with what was not measured", () => {
    const { aligned } = table;
    expect(() => parseGate("asr <= tuned").passes(candidate, { aligned, candidates: [] })).toThrow(/not there/);
    expect(() => parseGate("score.low >= 0.1").passes(candidate, table)).toThrow(/score.low, which was not measured/);
  });
});
