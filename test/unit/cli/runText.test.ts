// The words of a run that goes on.

import { describe, expect, it } from "vitest";
import { progressLine } from "../../../lib/cli/progressBar.js";
import { endedText, shownProgress } from "../../../lib/cli/runText.js";

const step = { step: "ask merges", k: 3, n: 14 };

describe("a run that goes on", () => {
  it("says its step, answers, tokens a second and the time left of the whole run", () => {
    const answers = { ...step, what: "answers, safety", done: 1200, total: 4000 };
    expect(progressLine(shownProgress(answers))).toBe("step 3 of 14, ask merges: 30 %, 1,200 / 4,000 answers, safety");
    expect(progressLine(shownProgress({ ...answers, tokensPerSecond: 84.6, secondsLeft: 754 }))).toBe(
      "step 3 of 14, ask merges: 30 %, 1,200 / 4,000 answers, safety, 85 tokens/s, 12m34s left",
    );
    const steps = { ...step, step: "tune seed 1", what: "steps", done: 50, total: 200, loss: 0.61234 };
    expect(progressLine(shownProgress({ ...steps, tokensPerSecond: 1234.5, secondsLeft: 60 }))).toBe(
      "step 3 of 14, tune seed 1: 25 %, 50 / 200 steps, loss 0.6123, 1,235 tokens/s, 1m00s left",
    );
  });

  it("says what a step took when it is done", () => {
    const line = endedText({ ...step, seconds: 72, tokens: 3600, secondsLeft: 754 });
    expect(line).toBe("step 3 of 14, ask merges: done in 1m12s, 3,600 tokens, 50 tokens/s, about 12m34s left");
    expect(endedText({ ...step, k: 14, seconds: 0.5, secondsLeft: 0 })).toBe(
      "step 14 of 14, ask merges: done in 0.50s",
    );
  });
});
