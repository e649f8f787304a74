import { describe, expect, it } from "vitest";
import type { RetemperError } from "../../../../lib/errors.js";
import { type CacheDemand, MemoryBudget, memoryLimit } from "../../../../lib/nn/memory/memoryBudget.js";

/** 1 MB of weights, 1 kB a cached token, 1 kB a row, 4 kB a row with logits. */
const memory = {
  weights: 1_000_000,
  cacheToken: 1000,
  activations: (rows: number, wanted: number) => 1000 * rows + 4000 * wanted,
};

const budget = (limit: number, maxPositions = 4096) =>
  new MemoryBudget({ memory, limit, stepRows: 100, maxPositions, vocabulary: 1e8, defaultBatch: 8 });

const demand = (needs: readonly number[], more: Partial<CacheDemand> = {}): CacheDemand => ({
  batch: undefined,
  needs,
  name: (at) => `prompt ${at}`,
  newTokens: 256,
  ...more,
});

function refusal(act: () => unknown): RetemperError {
  try {
    act();
  } catch (error) {
    return error as RetemperError;
  }
  throw new Error("it was accepted");
}

describe("MemoryBudget", () => {
  it("leaves to the cache what weights and a step's activations do not take", () => {
    expect(budget(2_000_000).tokens(1)).toBe((2_000_000 - 1_000_000 - 101_000 - 4000) / 1000);
    expect(budget(2_000_000).tokens(8)).toBe((2_000_000 - 1_000_000 - 108_000 - 32_000) / 1000);
    expect(budget(500_000).tokens(1)).toBe(0);
  });

  it("refuses a sequence that does not fit by itself, and says how many new tokens would", () => {
    const error = refusal(() => budget(2_000_000).check(demand([100, 1000, 300])));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toBe("prompt 1 needs 2.1 MB of memory for the model and 1000 tokens, and there are 2.0 MB");
    expect(error.hint).toContain("at most 151 new tokens fit");
    expect(() => budget(2_000_000).check(demand([100, 895, 300]))).not.toThrow();
  });

  it("refuses a batch that does not fit, and says which would", () => {
    const asked = demand([300, 200, 300, 200, 250], { batch: 5 });
    const error = refusal(() => budget(2_000_000).check(asked));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.hint).toContain("3 at once fit");
    expect(() => budget(2_000_000).check({ ...asked, batch: 3 })).not.toThrow();
    // Without a wish, fewer at once is no failure.
    expect(budget(2_000_000).check({ ...asked, batch: undefined })).toMatchObject({ together: 1250, largest: 300 });
  });

  it("leaves three quarters to pages of mapped weights where not all weights fit, and nothing where they do", () => {
    const from = (limit: number, mapped: number) =>
      new MemoryBudget({
        memory,
        mapped,
        limit,
        ...{ stepRows: 100, maxPositions: 4096, vocabulary: 1e8, defaultBatch: 8 },
      });
    const small = from(600_000, 900_000);
    const room = 600_000 - 100_000 - 101_000 - 4000;
    expect(small.pages).toBe(0.75 * room);
    expect(small.tokens(1)).toBe(Math.floor((0.25 * room) / 1000));
    expect(() => small.checkModel("m")).not.toThrow();
    expect(from(2_000_000, 900_000).pages).toBeUndefined();
    expect(from(2_000_000, 900_000).tokens(8)).toBe(budget(2_000_000).tokens(8));
    // what must be in memory does not fit
    const tiny = from(206_000, 900_000);
    expect(tiny.pages).toBeUndefined();
    expect(refusal(() => tiny.checkModel("m")).message).toContain("the weights of m need 1.0 MB");
  });

  it("refuses a model that does not fit at all", () => {
    const error = refusal(() => budget(900_000).check(demand([10], { newTokens: 5 })));
    expect(error.hint).toContain("0 tokens fit");
  });

  it("makes the cache as large as the waiting jobs need, within what fits", () => {
    const share = (batch: number, together: number, largest: number) => ({ batch, together, largest });
    const plenty = budget(1e9);
    expect(plenty.size([share(8, 20_000, 5000)])).toEqual({ slots: 9, tokens: 20_000 });
    expect(plenty.size([share(64, 20_000, 5000)]).slots).toBe(65);
    // Jobs that come later find room: the usual length of as many sequences as may run.
    expect(plenty.size([share(8, 100, 100)]).tokens).toBe(8 * 1024);
    expect(budget(1e9, 128).size([share(8, 100, 100)]).tokens).toBe(8 * 128);
    // Many jobs wait, but only so many run.
    const queue = Array.from({ length: 100 }, () => share(8, 3000, 3000));
    expect(plenty.size(queue).tokens).toBe(8 * 3000);
    expect(budget(2_000_000).size(queue).tokens).toBe(3000); // checked before: one fits
  });
});

describe("memoryLimit", () => {
  it("is what the caller says, else what is free but for a margin", () => {
    expect(memoryLimit(123, 1e9)).toBe(123);
    expect(memoryLimit(undefined, 1e9)).toBe(9e8);
    expect(memoryLimit(undefined, 64 * 2 ** 30)).toBe(63 * 2 ** 30);
  });
});
