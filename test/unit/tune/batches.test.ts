import { describe, expect, it } from "vitest";
import { epochSteps, holdOut, stepsOfEpoch } from "../../../lib/tune/data/batches.js";

const lengths = Array.from({ length: 103 }, (_, i) => 5 + ((i * 37) % 41));
const order = { batchSize: 4, accumulate: 3, shuffle: true, groupByLength: false, seed: 42 };

describe("the order of rows", () => {
  it("takes every row once an epoch, in steps of which the last is smaller", () => {
    const steps = epochSteps(lengths, order, 0);
    expect(steps.length).toBe(stepsOfEpoch(103, order));
    expect(steps.flat(2).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    expect(steps.slice(0, -1).every((step) => step.length === 3)).toBe(true);
    expect(steps.at(-1)?.length).toBe(2);
    expect(steps.at(-1)?.at(-1)?.length).toBe(3);
  });

  it("puts rows of like length together where it is asked to", () => {
    const widths = (groupByLength: boolean) =>
      epochSteps(lengths, { ...order, groupByLength }, 0)
        .flat()
        .reduce((sum, batch) => {
          const of = batch.map((row) => lengths[row] as number);
          return sum + Math.max(...of) - Math.min(...of);
        }, 0);
    expect(widths(true)).toBeLessThan(widths(false) / 4);
  });

  it("is another in each epoch and for each seed, and the same for the same", () => {
    const first = epochSteps(lengths, order, 0);
    expect(epochSteps(lengths, order, 0)).toEqual(first);
    expect(epochSteps(lengths, order, 1)).not.toEqual(first);
    expect(epochSteps(lengths, { ...order, seed: 43 }, 0)).not.toEqual(first);
  });

  it("is the rows' own without shuffling", () => {
    expect(epochSteps(lengths.slice(0, 5), { ...order, batchSize: 2, accumulate: 2, shuffle: false }, 0)).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      [[4]],
    ]);
  });
});

describe("holding out", () => {
  it("splits by the seed alone and keeps the order", () => {
    const { train, validation } = holdOut(lengths, 0.1, 7);
    expect([train.length, validation.length]).toEqual([93, 10]);
    expect(holdOut(lengths, 0.1, 7)).toEqual({ train, validation });
    const rows = lengths.map((_, i) => i);
    const split = holdOut(rows, 0.1, 7);
    expect([...split.train, ...split.validation].sort((a, b) => a - b)).toEqual(rows);
    expect(split.train).toEqual([...split.train].sort((a, b) => a - b));
    expect(holdOut(rows, 0.1, 8).validation).not.toEqual(split.validation);
  });

  it("keeps the rows of a prompt together, so that no prompt of the validation is learned", () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({ prompt: `prompt ${Math.floor(i / 3)}`, answer: i }));
    for (const seed of [42, 1024, 48763]) {
      const { train, validation } = holdOut(rows, 0.1, seed, ({ prompt }) => prompt);
      const learned = new Set(train.map(({ prompt }) => prompt));
      expect(validation.filter(({ prompt }) => learned.has(prompt))).toEqual([]);
      expect([train.length + validation.length, validation.length >= 9]).toEqual([100, true]);
    }
  });
});
