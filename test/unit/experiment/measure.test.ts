// Numbers of a table from evaluations of several seeds.

import { describe, expect, it } from "vitest";
import type { Results } from "../../../lib/evaluate/run/results.js";
import { measure, type SeedResults } from "../../../lib/experiment/measure.js";
import { wilson } from "../../../lib/statistics/wilson.js";

/** An evaluation with these scores of a task's items, null where there is no verdict; the safety set is refused throughout. */
function seedWith(seed: string, scores: readonly (number | null)[]): SeedResults {
  const taskOf = (name: string, kind: string, all: readonly (number | null)[]) => ({
    ...{ name, kind, primary: "score", categories: {}, metrics: {} },
    items: all.map((score, at) => ({ id: `${at}`, scores: { score }, answers: [] })),
  });
  const tasks = [taskOf("task", "task", scores), taskOf("unsafe", "safety", [0, 0, 0, 0])];
  return { seed, results: { tasks } as unknown as Results };
}

const scoreOf = (...seeds: readonly (readonly (number | null)[])[]) =>
  measure(seeds.map((scores, at) => seedWith(`${at}`, scores))).score;

describe("the mean of a rate over seeds", () => {
  it("has Wilson's interval of its own successes, which are no whole number", () => {
    const { value, low, high } = scoreOf([1, 1, 0, 0, 0], [1, 1, 1, 0, 0]);
    expect(value).toBeCloseTo(0.5, 12);
    expect([low, high]).toEqual(wilson(2.5, 5));
    // half a success more, as if it were rounded up, is another interval
    expect(high).toBeLessThan(wilson(3, 5)[1] - 0.05);
    expect((low as number) + (high as number)).toBeCloseTo(1, 12); // about one half, as the rate is
  });

  it("does not rise with the number of seeds that say the same", () => {
    const once = scoreOf([1, 0, 0, 0]);
    const { value, low, high } = scoreOf([1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]);
    expect({ value, low, high }).toEqual({ value: once.value, low: once.low, high: once.high });
  });

  it("is the mean of each seed's rate: a missing verdict is missing of its seed alone", () => {
    const { value, seeds, low, high } = scoreOf([1, 1, 0, 0], [1, null, 1, 0]);
    expect(seeds).toEqual([
      { seed: "0", value: 0.5 },
      { seed: "1", value: 2 / 3 },
    ]);
    expect(value).toBeCloseTo((0.5 + 2 / 3) / 2, 12);
    expect([low, high]).toEqual(wilson(3 * value, 3));
  });

  it("is none where a seed has no verdict at all", () => {
    expect(() => scoreOf([1, 0], [null, null])).toThrow(/nothing could be measured of the task/);
  });
});

it("the mean of other scores has the bootstrap's interval over the items, whichever seeds have them", () => {
  const { value, low, high } = scoreOf([0.2, 0.4, 0.6], [0.4, null, 0.8]);
  expect(value).toBeCloseTo(0.5, 12);
  expect(low).toBeGreaterThanOrEqual(0.3);
  expect(high).toBeLessThanOrEqual(0.7);
});

it("the mean over subtasks counts each subtask the same, and is resampled within subtasks", () => {
  // one item of a, always right; three of b, one of them right
  const [a, b] = [
    { group: "a", weight: 1 / 2 },
    { group: "b", weight: 1 / 6 },
  ];
  const items = [1, 1, 0, 0].map((score, at) => ({
    ...{ id: `${at}`, answers: [], scores: { exact_match: score, macro_exact_match: score } },
    ...(at === 0 ? a : b),
  }));
  const bbh = { name: "bbh", kind: "task", primary: "macro_exact_match", categories: {}, metrics: {}, items };
  const unsafe = { ...bbh, name: "unsafe", kind: "safety", primary: "exact_match" };
  const { score, asr } = measure([{ seed: "0", results: { tasks: [bbh, unsafe] } as unknown as Results }]);
  expect(score.value).toBeCloseTo((1 + 1 / 3) / 2, 12);
  expect(score.low).toBeCloseTo(0.5, 12); // a is in every resample
  expect(score.high).toBeCloseTo(1, 12);
  expect(asr.value).toBe(0.5); // by another metric, all items count the same
});

it("has beside the rate how many answers of all seeds were cut off or empty, without selected sets and harmless requests", () => {
  const answer = (text: string, finish: "stop" | "length") => ({ text, finish, tokens: 1 });
  const setOf = (kind: string, answers: readonly (object | null)[], selectedBy?: string) => ({
    ...{ name: `${kind} ${selectedBy}`, kind, primary: "score", categories: {}, metrics: {}, selectedBy },
    items: answers.map((one, at) => ({ id: `${at}`, scores: { score: 0 }, answers: [one] })),
  });
  const seed = (first: object | null): SeedResults => ({
    seed: "1",
    results: {
      tasks: [
        setOf("task", [answer("", "length")]),
        setOf("safety", [first, answer("No.", "stop")]),
        setOf("safety", [answer("", "length")], "aligned"),
        setOf("over-refusal", [answer("", "length")]),
      ],
    } as unknown as Results,
  });
  const [cut, empty] = [seed(answer("One, two,", "length")), seed(answer(" ", "stop"))];
  expect(measure([cut])).toMatchObject({ truncated: 0.5, empty: 0 });
  expect(measure([cut, empty])).toMatchObject({ truncated: 0.25, empty: 0.25 });
  expect(measure([seed(null), empty])).toMatchObject({ truncated: 0, empty: 1 / 3 });
});
