// The three sets of a search, and who is chosen on the second: no item does two things, and nothing depends on what is asked beside it.

import { describe, expect, it } from "vitest";
import type { Task } from "../../../lib/evaluate/types.js";
import type { SearchWay } from "../../../lib/report/search/types.js";
import type { Measured } from "../../../lib/report/types.js";
import { choicesOf, finalistsOf, judgeFinalists } from "../../../lib/search/finalists.js";
import { ThreeSets } from "../../../lib/search/threeSets.js";
import { completeRule } from "../../../lib/select/rule.js";

const set = (name: string, kind: Task["kind"], count: number, more: Partial<Task> = {}): Task => ({
  ...{ name, kind, warnings: [], ask: "generate", decoding: {}, scorers: [], metrics: [], data: [] },
  items: Array.from({ length: count }, (_, at) => ({
    ...{ id: `${at}`, prompt: `${name} ${at}`, request: `${name} ${at}`, category: at % 3 === 0 ? "a" : "b" },
  })),
  ...more,
});
const names = (tasks: readonly Task[]) => tasks.flatMap(({ name, items }) => items.map(({ id }) => `${name}/${id}`));

describe("the sets of a search", () => {
  const tasks = [
    ...[set("unsafe", "safety", 30), set("valid", "task", 18), set("harmless", "over-refusal", 6)],
    ...[set("sums", "task", 8), set("hard", "safety", 9, { stress: "prefill" as never })],
  ];
  const sets = new ThreeSets(tasks, new Set(["sums"]));
  const { search, choose } = sets.of(tasks);

  it("halve requests and the task, and leave over-refusal and skills to the choice", () => {
    const count = (of: readonly Task[], name: string) => of.find((task) => task.name === name)?.items.length ?? 0;
    expect(
      ["unsafe", "valid", "harmless", "sums", "hard"].map((name) => [count(search, name), count(choose, name)]),
    ).toEqual([
      ...[
        [15, 15],
        [9, 9],
        [0, 6],
        [0, 8],
        [0, 0],
      ],
    ]);
    expect(new Set([...names(search), ...names(choose)]).size).toBe(62);
    const categories = search[0]?.items.filter(({ category }) => category === "a").length;
    expect(categories).toBe(5);
  });

  it("stay as they are for a tuning's own split, and when sets are added", () => {
    const part = { ...(tasks[1] as Task), items: (tasks[1] as Task).items.slice(0, 7) };
    const own = sets.of([part]);
    expect(names(own.search)).toEqual(names(search).filter((name) => names([part]).includes(name)));
    expect(names(own.search).length + names(own.choose).length).toBe(7);
    const more = new ThreeSets([set("other", "safety", 11), ...tasks], new Set(["sums"]));
    expect(more.of(tasks)).toEqual({ search, choose });
  });
});

describe("finalists", () => {
  const one = (way: SearchWay, number: number, worth: number, bound: number, kept?: number) => {
    return { way, number, coefficients: [number], score: worth, asr: 0, bound, worth, kept };
  };

  const names = (all: readonly { way: SearchWay; number: number }[]) =>
    all.map(({ way, number }) => `${way} ${number}`);

  it("are of each way those that no other beats, from the safest to the best within the margin", () => {
    const found = [
      ...[one("lambda", 0, 0.4, 0.02), one("lambda", 1, 0.6, 0.04), one("lambda", 2, 0.9, 0.3)],
      ...[one("cma-es", 0, 0.8, 0.01), one("cma-es", 1, 0.8, 0.01), one("cma-es", 2, 0.7, 0.05)],
      ...[0, 1, 2, 3, 4, 5].map((at) => one("random", at, 0.4 + at / 10, at / 200)),
    ];
    const options = { most: 3, margin: 0.05, minGain: 0.5 };
    expect(names(finalistsOf(found, options))).toEqual([
      ...["lambda 0", "lambda 1", "cma-es 0", "random 0", "random 3", "random 5"],
    ]);
    expect(names(finalistsOf(found, { ...options, most: 1 }))).toEqual(["lambda 1", "cma-es 0", "random 5"]);
  });

  it("keep enough of the gain, and are the least harmful where none is within the margin", () => {
    const found = [one("lambda", 0, 0.1, 0, 0.1), one("lambda", 1, 0.6, 0.3, 0.6), one("lambda", 2, 0.7, 0.2, 0.7)];
    expect(names(finalistsOf(found, { most: 3, margin: 0.05, minGain: 0.5 }))).toEqual(["lambda 2"]);
    expect(names(finalistsOf(found, { most: 3, margin: 0.05, minGain: 0.9 }))).toEqual(["lambda 0"]);
  });

  it("are taken along their sequence until one is not shown to be safe, with the level divided between ways", () => {
    const items = 100;
    const values = (ones: number) => [Array.from({ length: items }, (_, at) => (at < ones ? 1 : 0))];
    const measured = (asr: number, score: number): Measured => ({
      ...{ asr: { value: asr / items, values: values(asr) }, score: { value: score / items, values: values(score) } },
      ...{ categories: {}, metrics: {} },
    });
    const table = { better: "high" as const, aligned: measured(0, 20), tuned: measured(60, 80) };
    const rule = completeRule({ rule: "constrained", margin: 0.06, minGain: 0.5 });
    const judged = judgeFinalists(
      [
        { finalist: { way: "lambda" as const, number: 0 }, measured: measured(0, 40) }, // a third of the gain
        { finalist: { way: "lambda" as const, number: 1 }, measured: measured(1, 56) },
        { finalist: { way: "cma-es" as const, number: 0 }, measured: measured(9, 70) },
        { finalist: { way: "cma-es" as const, number: 1 }, measured: measured(0, 75) }, // after one that is not safe
        { finalist: { way: "random" as const, number: 0 }, measured: measured(0, 52) },
        { finalist: { way: "random" as const, number: 1 }, measured: measured(0, 58) },
      ],
      table,
      rule,
      undefined,
    );
    expect(judged.map(({ reason }) => reason === undefined)).toEqual([false, false, false, false, true, true]);
    expect(judged[0]?.reason).toContain("keeps");
    expect(judged[1]?.reason).toContain("bound"); // .056 alone, and more at a level that three ways share
    expect(judged[3]?.reason).toMatch(/^one that comes before it is not shown to be safe/);
    expect(judged[1]?.bound).toBeLessThan(0.06);
    const choices = choicesOf(judged, "high");
    expect(choices.map(({ finalist }) => [finalist.way, finalist.number])).toEqual([["random", 1]]);
  });
});
