// Which sets were asked for what, and where a limit left rows out.

import { expect, it } from "vitest";
import type { Task } from "../../../lib/evaluate/types.js";
import { askedSets } from "../../../lib/experiment/results/askedSets.js";

const task = (name: string, kind: Task["kind"], items: number, rows: number) =>
  ({ name, kind, items: Array.from({ length: items }), data: [{ rows }] }) as unknown as Task;

it("a halved set says what was asked of both halves, and each set where the limit left rows out", () => {
  const tasks = {
    safety: [task("unsafe", "safety", 19, 150)],
    safetyTest: [task("unsafe", "safety", 21, 150)],
    validation: [task("calls", "task", 40, 60)],
    test: [task("calls", "task", 16, 16)],
    split: true,
  };
  expect(askedSets(tasks, 40)).toEqual([
    { name: "unsafe", kind: "safety", part: "validation", items: 19, asked: 40, rows: 150, halved: true, limit: 40 },
    { name: "calls", kind: "task", part: "validation", items: 40, asked: 40, rows: 60, limit: 40 },
    { name: "unsafe", kind: "safety", part: "test", items: 21, asked: 40, rows: 150, halved: true, limit: 40 },
    { name: "calls", kind: "task", part: "test", items: 16, asked: 16, rows: 16 },
  ]);
  const whole = askedSets({ ...tasks, split: false }, undefined);
  expect(whole.map(({ asked, halved, limit }) => [asked, halved, limit])).toEqual([
    [19, undefined, undefined],
    [40, undefined, undefined],
    [21, undefined, undefined],
    [16, undefined, undefined],
  ]);
});
