// Numbers of a table from evaluations of several seeds.

import { describe, expect, it } from "vitest";
import type { Results } from "../../../lib/evaluate/run/results.js";
import { resultsText } from "../../../lib/experiment/results/resultsText.js";
import { measure, type SeedResults } from "../../../lib/experiment/tables/measure.js";
import { itemNames, tableItems } from "../../../lib/experiment/tables/tableItems.js";
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
  it("has Wilson's interval of its own successes for one seed", () => {
    const { value, low, high, newLow } = scoreOf([1, 1, 0, 0, 0]);
    expect(value).toBeCloseTo(0.4, 12);
    expect([low, high]).toEqual(wilson(2, 5).map((end) => expect.closeTo(end, 12)));
    expect(newLow).toBeUndefined(); // one tuning says nothing of another
  });

  it("has an interval of these tunings, and a wider one of a new tuning where seeds differ", () => {
    const seed = (successes: number) => Array.from({ length: 40 }, (_, item) => (item < successes ? 1 : 0));
    const { value, low = 0, high = 1, newLow = 0, newHigh = 1 } = scoreOf(seed(8), seed(16), seed(24));
    expect(value).toBeCloseTo(0.4, 12);
    expect([low, high]).toEqual([expect.closeTo(0.286, 3), expect.closeTo(0.526, 3)]);
    expect(newLow).toBeLessThan(low - 0.05);
    expect(newHigh).toBeGreaterThan(high + 0.05);
  });

  it("takes several masks of a tuning for that tuning: they tell nothing of a new one by themselves", () => {
    const row = (successes: number) => Array.from({ length: 40 }, (_, item) => (item < successes ? 1 : 0));
    const of = (names: readonly string[], counts: readonly number[]) =>
      measure(names.map((name, at) => ({ ...seedWith(name, row(counts[at] as number)), tuning: name.split(" ")[0] })))
        .score;
    const alone = of(["42", "42 mask 2", "42 mask 3"], [8, 16, 24]);
    expect([alone.values?.length, alone.newLow]).toEqual([3, undefined]);
    // masks that agree within a tuning do not make it two
    const width = ({ newLow = 0, newHigh = 0 }) => newHigh - newLow;
    const masked = of(["1", "1 mask 2", "2", "2 mask 2"], [8, 8, 24, 24]);
    expect(masked.values).toHaveLength(4);
    expect(width(masked)).toBeGreaterThan(1.5 * width(of(["1", "2", "3", "4"], [8, 8, 24, 24])));
  });

  it("does not rise with the number of seeds that say the same", () => {
    const once = scoreOf([1, 0, 0, 0]);
    const { value, low, high } = scoreOf([1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]);
    expect({ value, low, high }).toEqual({ value: once.value, low: once.low, high: once.high });
  });

  it("is the mean of each seed's rate: a missing verdict is missing of its seed alone, and is counted there", () => {
    const { value, seeds, values } = scoreOf([1, 1, 0, 0], [1, null, 1, 0]);
    expect(seeds).toEqual([
      { seed: "0", value: 0.5 },
      { seed: "1", value: expect.closeTo(2 / 3, 12), missing: 1 },
    ]);
    expect(value).toBeCloseTo((0.5 + 2 / 3) / 2, 12);
    expect(values).toEqual([
      [1, 1, 0, 0],
      [1, null, 1, 0],
    ]);
  });

  it("is exactly 1 where all is right, whatever the number of items", () => {
    for (const count of [3, 49, 60, 75, 150]) expect(scoreOf(Array.from({ length: count }, () => 1)).value).toBe(1);
  });

  it("is none where a seed has no verdict at all", () => {
    expect(() => scoreOf([1, 0], [null, null])).toThrow(/nothing could be measured of the task/);
  });
});

it("the mean of other scores has an interval within their range, whichever seeds have them", () => {
  const { value, low, high } = scoreOf([0.2, 0.4, 0.6], [0.4, null, 0.8]); // Student's t of .3, .4 and .7 would reach beyond
  expect(value).toBeCloseTo(0.5, 12);
  expect([low, high]).toEqual([0, 1]);
  const wide = scoreOf([3, 4, 5, 4]); // such as a loss
  expect([wide.value, wide.low, wide.high]).toEqual([4, expect.closeTo(2.701, 3), expect.closeTo(5.299, 3)]);
});

describe("the values of a table", () => {
  const taskOf = (
    name: string,
    kind: string,
    items: readonly (readonly [id: string, score: number | null, category?: string])[],
  ) => ({
    ...{ name, kind, primary: "score", metrics: {}, data: [] },
    items: items.map(([id, score, category]) => ({ id, category, scores: { score }, answers: [] })),
  });
  const results = (...tasks: readonly object[]) => ({ tasks }) as unknown as Results;
  const calls = taskOf("calls", "task", [["0", 1]]);

  it("are in the order of the aligned model's items for every model, null where a seed was not asked", () => {
    const unsafe = taskOf("unsafe", "safety", [["0", 0]]);
    const items = tableItems(
      results(
        taskOf("calls", "task", [
          ["a", 1],
          ["b", 0],
          ["c", 1],
        ]),
        unsafe,
      ),
    );
    // splits of two tunings: each is asked its own rows, in its own order
    const seeds = [
      {
        seed: "1",
        results: results(
          taskOf("calls", "task", [
            ["c", 0],
            ["a", 1],
          ]),
          unsafe,
        ),
      },
      {
        seed: "2",
        results: results(
          taskOf("calls", "task", [
            ["b", null],
            ["a", 0],
          ]),
          unsafe,
        ),
      },
    ];
    const { score } = measure(seeds, items);
    expect(score.values).toEqual([
      [1, null, 0],
      [0, null, null],
    ]);
    expect(score.seeds?.map(({ missing }) => missing)).toEqual([undefined, 1]); // c was not asked of seed 2: no miss
  });

  it("are told by sets and digests of prompts, with a number where a set asks the same twice", () => {
    const asked = (name: string, kind: string, prompts: readonly string[], more: object = {}) => ({
      ...{ name, kind, primary: "score", metrics: {}, ...more },
      items: prompts.map((prompt, at) => ({
        id: `${at}`,
        prompt,
        category: "doors",
        scores: { score: 1 },
        answers: [],
      })),
    });
    const items = tableItems(
      results(
        asked("unsafe", "safety", ["aa", "bb", "aa"]),
        asked("refused", "safety", ["aa"], { selectedBy: "aligned" }),
        calls,
      ),
    );
    const { safety, selected, task } = itemNames(items);
    expect(safety.map(({ set, prompt, category }) => `${set} ${prompt} ${category}`)).toEqual([
      "unsafe aa doors",
      "unsafe bb doors",
      "unsafe aa#2 doors",
    ]);
    expect(selected).toEqual([{ set: "refused", prompt: "aa", category: "doors" }]);
    expect(task.map(({ set }) => set)).toEqual(["calls"]);
  });

  it("have over-refusal and each category of the safety items by themselves", () => {
    const unsafe = taskOf("unsafe", "safety", [
      ["0", 0, "doors"],
      ["1", 1, "windows"],
      ["2", 1, "doors"],
    ]);
    const benign = taskOf("benign", "over-refusal", [
      ["0", 1],
      ["1", 0],
      ["2", 0],
      ["3", 0],
    ]);
    const { asr, overRefusal, categories } = measure([{ seed: "all", results: results(calls, unsafe, benign) }]);
    expect([asr.value, overRefusal?.value]).toEqual([expect.closeTo(2 / 3, 12), 0.25]);
    expect(categories.doors).toMatchObject({ value: 0.5, values: [[0, 1]] });
    expect(categories.windows).toMatchObject({ value: 1, values: [[1]] });
  });

  it("have none of a set that was selected by the aligned model's own answers", () => {
    const unsafe = taskOf("unsafe", "safety", [
      ["0", 0],
      ["1", 1],
    ]);
    const refused = {
      ...taskOf("refused", "safety", [
        ["0", 0],
        ["1", 0],
      ]),
      selectedBy: "aligned",
    };
    const { asr } = measure([{ seed: "all", results: results(calls, unsafe, refused) }]);
    expect(asr.values).toEqual([[0, 1]]);
    const alone = [{ seed: "all", results: results(calls, refused) }];
    expect(() => measure(alone)).toThrow(/nothing could be measured of the safety sets/);
  });

  it("have none of a variant that is harder to refuse: its rate stands among the metrics", () => {
    const rate = (value: number) => ({ value, low: 0, high: 1, n: 2, missing: 0, interval: "wilson", better: "low" });
    const of = (name: string, values: readonly [number, number]) => ({
      ...taskOf(name, "safety", [
        ["0", values[0]],
        ["1", values[1]],
      ]),
      metrics: { score: rate((values[0] + values[1]) / 2) },
    });
    const begun = {
      ...of("unsafe+prefill", [1, 1]),
      stress: { set: "unsafe", variant: "prefill", opener: "Sure, here" },
    };
    const measured = measure([{ seed: "all", results: results(calls, of("unsafe", [0, 1]), begun) }]);
    expect(measured.asr.values).toEqual([[0, 1]]);
    expect(measured.metrics["unsafe+prefill: score"]?.value).toBe(1);
    expect(() => measure([{ seed: "all", results: results(calls, begun) }])).toThrow(/nothing could be measured/);
  });

  it("have, of several variants of a set, the share of requests that succeeded in any of them", () => {
    const data = [{ files: [{ sha256: "the same" }] }];
    const of = (name: string, scores: readonly (number | null)[], variant?: string) => ({
      ...{ name, kind: "safety", primary: "asr[keyword]", categories: {}, data },
      metrics: { "asr[keyword]": { value: scores[0], n: scores.length, missing: 0, better: "low" } },
      items: scores.map((score, at) => ({
        id: `${at}`,
        prompt: `${at}`,
        scores: { "asr[keyword]": score },
        answers: [],
      })),
      ...(variant && { stress: { set: "unsafe", variant } }),
    });
    const seed = (name: string, first: readonly (number | null)[], second: readonly number[], plain = [0, 0]) => ({
      seed: name,
      results: results(
        calls,
        of("unsafe", plain),
        of("unsafe+prefill-1", first, "prefill-1"),
        of("unsafe+prefill-2", second, "prefill-2"),
      ),
    });
    // the set as it stands was asked a half of the requests
    const { metrics } = measure([seed("1", [0, 1, 0, null], [1, 0, 0, 1]), seed("2", [0, 0, 0, 0], [1, 0, 0, 0])]);
    const name = "unsafe, any of 2 variants: asr[keyword]";
    expect(Object.keys(metrics).filter((one) => one.includes("any of"))).toEqual([name]);
    expect(metrics[name]?.seeds).toEqual([
      { seed: "1", value: expect.closeTo(2 / 3, 12) },
      { seed: "2", value: 0.25 },
    ]);
    expect(metrics[name]?.value).toBeCloseTo((2 / 3 + 1 / 4) / 2, 12);
    expect(metrics[name]?.low).toBeLessThan(metrics[name]?.value as number);
    const whole = measure([seed("1", [0, 1], [1, 0], [0, 0])]).metrics;
    expect(whole["unsafe, any of 3 variants: asr[keyword]"]?.value).toBe(1);
  });

  it("stand on one line each in results.json, which reads back the same", () => {
    const kept = {
      name: 'a "[\n 1\n]" b',
      values: [
        [0, 1, null],
        [0.25, 1e-7, -3],
      ],
      seeds: [{ seed: "1" }],
      none: [],
    };
    const text = resultsText(kept);
    expect(text).toContain("\n  [0,1,null],\n  [0.25,1e-7,-3]\n");
    expect(JSON.parse(text)).toEqual(kept);
  });
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
  expect(score.weights).toEqual([1 / 2, 1 / 6, 1 / 6, 1 / 6].map((weight) => expect.closeTo(weight, 12)));
  expect(score.groups).toEqual([0, 1, 1, 1]);
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
