// A comparison of behaviour as people read it.

import { describe, expect, it } from "vitest";
import { behaviourText } from "../../../lib/cli/behaviourText.js";
import type { BehaviourReport } from "../../../lib/index.js";

const report: BehaviourReport = {
  verdict: "different",
  tolerance: 0.001,
  a: { name: "base+adapter", kind: "adapter" },
  b: { name: "out", kind: "folder" },
  prompts: 2,
  causes: [
    {
      name: "adapter-applied-twice",
      sure: "certain",
      summary: "The adapter's change is in B twice.",
      evidence: ["scale 2.000", "the rest is rounding"],
      remedy: "Apply it once.",
      numeric: false,
    },
  ],
  text: { same: 2, compared: 2, differences: [] },
  firstToken: { klMean: 0.5512, klMost: 2, top1: 0.5, positions: 2 },
  answers: { same: 1, compared: 2, divergences: [{ prompt: 1, token: 3, before: "I am", a: " here", b: " not" }] },
  verdicts: [],
  newTokens: 0,
  notes: [],
};

describe("a comparison of behaviour", () => {
  it("is five lines: verdict, cause, numbers, answers, what to do", () => {
    expect(behaviourText(report, false).split("\n")).toEqual([
      "different: adapter-applied-twice (certain); base+adapter and out, 2 prompts",
      "cause:    The adapter's change is in B twice. scale 2.000",
      "numbers:  first token KL 0.55 nats, top-1 the same in 50 %",
      'answers:  1 of 2 the same; prompt 1 parts at token 3 after "I am": A " here", B " not"',
      "to do:    Apply it once.",
    ]);
  });

  it("has all evidence where more is wanted", () => {
    expect(behaviourText(report, true)).toContain("  - the rest is rounding");
  });

  it("says that nothing is to be done where nothing differs", () => {
    const same: BehaviourReport = {
      ...report,
      verdict: "same",
      causes: [],
      answers: { same: 2, compared: 2, divergences: [] },
    };
    expect(behaviourText(same, false)).toContain("to do:    nothing");
  });
});
