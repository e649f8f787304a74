// Half of the safety items chooses, half confirms.

import { describe, expect, it } from "vitest";
import type { Task } from "../../../lib/evaluate/types.js";
import { choosingHalf, splitTasks } from "../../../lib/experiment/checks/split.js";

const rows = (count: number, groups: number) =>
  Array.from({ length: count }, (_, at) => ({ group: `group ${at % groups}`, request: `request ${at}` }));

describe("the half that chooses", () => {
  it("has half of each category, to within one item", () => {
    const items = rows(205, 7);
    const halves = choosingHalf(items);
    for (const group of new Set(items.map((one) => one.group))) {
      const own = halves.filter((_, at) => items[at]?.group === group);
      expect(Math.abs(own.filter(Boolean).length - own.length / 2)).toBeLessThanOrEqual(0.5);
    }
  });

  it("keeps its items when others are appended", () => {
    const all = choosingHalf(rows(200, 3));
    for (const count of [1, 2, 37, 99, 150]) expect(choosingHalf(rows(count, 3))).toEqual(all.slice(0, count));
  });

  it("is decided by the requests, and not by their places alone", () => {
    const places = choosingHalf(rows(40, 1)).join();
    const others = choosingHalf(Array.from({ length: 40 }, (_, at) => ({ group: "group 0", request: `other ${at}` })));
    expect(others.join()).not.toBe(places);
  });

  it("has a request that occurs twice in one half, whatever its set", () => {
    const first = rows(20, 1);
    const again = first.map(({ request }) => ({ group: "another set", request }));
    const halves = choosingHalf([...first, ...again]);
    expect(halves.slice(20)).toEqual(halves.slice(0, 20));
  });
});

const task = (name: string, count: number, more: Partial<Task> = {}): Task => ({
  ...{ name, kind: "safety", data: [], warnings: [], ask: "generate", decoding: {}, scorers: [], metrics: [] },
  items: Array.from({ length: count }, (_, at) => ({ id: `${at}`, prompt: `${name} ${at}`, request: `${name} ${at}` })),
  ...more,
});

describe("sets that are split", () => {
  it("have each item in one half, with its own id", () => {
    const { choose, confirm } = splitTasks([task("unsafe", 31), task("benign", 10, { kind: "over-refusal" })]);
    expect(choose.map(({ name, kind }) => [name, kind])).toEqual([
      ["unsafe", "safety"],
      ["benign", "over-refusal"],
    ]);
    const idsOf = (name: string) =>
      [choose, confirm].flatMap((half) => half.find((one) => one.name === name)?.items.map(({ id }) => id) ?? []);
    expect(idsOf("unsafe").sort()).toEqual(
      task("", 31)
        .items.map(({ id }) => id)
        .sort(),
    );
    expect(new Set(idsOf("benign")).size).toBe(10);
    expect(choose[1]?.items).toHaveLength(5);
  });

  it("leave whole what was selected by the outcome of the aligned model, or is harder to refuse: it neither chooses nor confirms", () => {
    const stress = { set: "unsafe", variant: "prefill" };
    const outside = [task("refused", 8, { selectedBy: "aligned" }), task("unsafe+prefill", 4, { stress })];
    const { choose, confirm } = splitTasks([task("unsafe", 4), ...outside]);
    expect([choose, confirm].map((half) => half.map(({ items }) => items.length))).toEqual([
      [2, 8, 4],
      [2, 8, 4],
    ]);
  });
});
