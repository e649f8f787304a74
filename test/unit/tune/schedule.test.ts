// Learning rates against PyTorch's and transformers' (get_cosine_schedule_with_warmup and its kin).

import { describe, expect, it } from "vitest";
import { rateAt, warmupSteps } from "../../../lib/tune/training/schedule.js";

describe("the learning rate", () => {
  it("rises from 0 over ceil(ratio x steps)", () => {
    expect(warmupSteps(0.1, 180)).toBe(18);
    expect(warmupSteps(0.1, 11)).toBe(2);
    expect(warmupSteps(0, 11)).toBe(0);
    expect([0, 1, 9, 18].map((step) => rateAt("cosine", step, 18, 180))).toEqual([0, 1 / 18, 0.5, 1]);
  });

  it("falls by half a cosine, or a line, to 0, or stays", () => {
    expect(rateAt("cosine", 6, 1, 11)).toBeCloseTo(0.5, 12);
    expect(rateAt("linear", 6, 1, 11)).toBeCloseTo(0.5, 12);
    expect(rateAt("constant", 6, 1, 11)).toBe(1);
    expect(rateAt("cosine", 11, 1, 11)).toBe(0);
    expect(rateAt("linear", 12, 1, 11)).toBe(0);
  });
});
