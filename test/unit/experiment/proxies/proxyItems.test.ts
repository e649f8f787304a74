// Which items proxies are read on, and with which texts.

import { expect, it } from "vitest";
import type { Item, Task, TaskKind } from "../../../../lib/evaluate/types.js";
import { byItem, proxyData, proxyItems, withTexts } from "../../../../lib/experiment/proxies/proxyItems.js";

const task = (
  name: string,
  kind: TaskKind,
  count: number,
  more: Partial<Task> = {},
  item: Partial<Item> = {},
): Task => ({
  ...{ name, kind, data: [], warnings: [], ask: "generate", decoding: {}, scorers: [], metrics: [] },
  items: Array.from({ length: count }, (_, at) => ({
    ...{ id: String(at), prompt: `${name} ${at}`, request: `${name} ${at}`, ...item },
  })),
  ...more,
});
const unsafe = task("unsafe", "safety", 12);
const stressed = task("unsafe+prefill", "safety", 12, { stress: { set: "unsafe", variant: "prefill" } });
const selected = task("selected", "safety", 12, { selectedBy: "aligned" });
const benign = task("benign", "over-refusal", 3);
const calls = task("calls", "task", 12, {}, { references: ["right", "right too"] });
const texts = task("texts", "task", 12, { ask: "likelihood" });
const skill = task("skill", "task", 12);
const all = [unsafe, stressed, selected, benign, calls, texts, skill];
const isOfTask = ({ name }: Pick<Task, "name">) => name !== "skill";
const names = (of: readonly { readonly task: Task }[]) => [...new Set(of.map(({ task: { name } }) => name))];

it("are some of each kind, the same in whatever order a set has them, without sets that choose nothing", () => {
  const found = proxyItems(all, isOfTask, 5);
  expect([found.refusals.length, found.benign.length, found.task.length]).toEqual([5, 3, 5]);
  expect([names(found.refusals), names(found.benign), names(found.task)]).toEqual([["unsafe"], ["benign"], ["calls"]]);
  const turned = all.map((one) => ({ ...one, items: [...one.items].reverse() }));
  const ids = (of: typeof found) => of.refusals.map(({ item }) => item.id);
  expect(ids(proxyItems(turned, isOfTask, 5))).toEqual(ids(found));
  expect(ids(proxyItems(all, isOfTask, 6)).slice(0, 5)).toEqual(ids(found));
  expect(ids(found)).not.toEqual(["0", "1", "2", "3", "4"]);
});

it("take the task's prompts where there are no harmless requests", () => {
  const found = proxyItems([unsafe, calls], isOfTask, 4);
  expect(found.benign).toEqual(found.task);
});

it("leave out what one of the models did not answer, and take references before own answers", () => {
  const items = proxyItems([unsafe, calls, task("open", "task", 2)], isOfTask, 20);
  const aligned = (_: Task, { id }: Item) => (id === "3" ? undefined : `no ${id}`);
  const tuned = ({ name }: Task, { id }: Item) => (id === "5" || (name === "open" && id === "1") ? " " : `yes ${id}`);
  const there = withTexts(items, aligned, tuned);
  expect(there.refusals.map(({ item }) => item.id).sort()).toEqual([
    "0",
    "1",
    "10",
    "11",
    "2",
    "4",
    "6",
    "7",
    "8",
    "9",
  ]);
  const data = proxyData(there, aligned, tuned);
  const first = there.refusals[0]?.item.id;
  expect(data.refusals?.[0]).toEqual({ prompt: `unsafe ${first}`, refusal: `no ${first}`, compliance: `yes ${first}` });
  const answers = Object.fromEntries(data.task?.map(({ prompt, answer }) => [prompt, answer]) ?? []);
  expect(answers["calls 5"]).toBe("right");
  expect(answers["open 0"]).toBe("yes 0");
  expect("open 1" in answers).toBe(false);

  const read = byItem(there, { refusals: there.refusals.map((_, at) => at), taskLosses: there.task.map(() => 0.5) });
  expect(read.refusals[`unsafe/${there.refusals[2]?.item.id}`]).toBe(2);
  expect(Object.keys(read.task)).toHaveLength(there.task.length);
});
