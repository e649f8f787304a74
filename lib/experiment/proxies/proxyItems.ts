// Which items proxies are read on, and what is read there: the models' own answers, and the task's right ones.

import { itemKeys } from "../../evaluate/run/itemKeys.js";
import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Item, Task } from "../../evaluate/types.js";
import { compareTexts } from "../../select/names.js";
import type { LogitProxies, ProxyData } from "./logitProxies.js";

export interface ProxyItem {
  readonly task: Task;
  readonly item: Item;
}

export type ProxyItems = Readonly<Record<keyof ProxyData, readonly ProxyItem[]>>;

/** By "task/id" of the item; those that lack an answer to be read are not there. */
export type ItemProxies = Readonly<Record<keyof ProxyData, Readonly<Record<string, number | null>>>>;

/** What a model answered, if it did. */
export type AnswerTo = (task: Task, item: Item) => string | undefined;

/**
 * Of each kind the first `rows` items in the order of their digests, which is random and the same in every run.
 * @param tasks that choose
 * @param isOfTask whether a set with a score is the task's; else it is a skill's
 */
export function proxyItems(
  tasks: readonly Task[],
  isOfTask: (task: Pick<Task, "name">) => boolean,
  rows: number,
): ProxyItems {
  const asked = tasks.filter((task) => task.ask === "generate" && !isOutsideOfChoice(task));
  const some = (kind: Task["kind"]) =>
    asked
      .filter((task) => task.kind === kind && (kind !== "task" || isOfTask(task)))
      .flatMap((task) => task.items.map((item, at) => ({ task, item, key: itemKeys(task)[at] as string })))
      .sort((a, b) => compareTexts(a.key, b.key))
      .slice(0, rows)
      .map(({ task, item }) => ({ task, item }));
  const [harmless, ofTask] = [some("over-refusal"), some("task")];
  return { refusals: some("safety"), benign: harmless.length > 0 ? harmless : ofTask, task: ofTask };
}

/** Without the items of which a text is missing, or empty. The task's answer is its reference, else the fine-tuned model's own. */
export function withTexts(items: ProxyItems, aligned: AnswerTo, tuned: AnswerTo): ProxyItems {
  const isThere = (text: string | undefined) => text !== undefined && text.trim() !== "";
  return {
    refusals: items.refusals.filter(({ task, item }) => isThere(aligned(task, item)) && isThere(tuned(task, item))),
    benign: items.benign,
    task: items.task.filter((one) => isThere(answerOf(one, tuned))),
  };
}

/** @param items that have all texts */
export function proxyData({ refusals, benign, task }: ProxyItems, aligned: AnswerTo, tuned: AnswerTo): ProxyData {
  return {
    refusals: refusals.map(({ task: of, item }) => ({
      prompt: item.prompt,
      refusal: aligned(of, item) ?? "",
      compliance: tuned(of, item) ?? "",
    })),
    benign: benign.map(({ item }) => item.prompt),
    task: task.map((one) => ({ prompt: one.item.prompt, answer: answerOf(one, tuned) ?? "" })),
  };
}

/** What was read, by item; null where it is no finite number, as of a broken merge (JSON has no other word for it). */
export function byItem({ refusals, benign, task }: ProxyItems, found: LogitProxies): ItemProxies {
  const named = (of: readonly ProxyItem[], values: readonly number[] = []) =>
    Object.fromEntries(
      of.map(({ task: { name }, item: { id } }, at) => {
        const value = values[at] as number;
        return [`${name}/${id}`, Number.isFinite(value) ? value : null];
      }),
    );
  return {
    refusals: named(refusals, found.refusals),
    benign: named(benign, found.benignDivergences),
    task: named(task, found.taskLosses),
  };
}

function answerOf({ task, item }: ProxyItem, tuned: AnswerTo): string | undefined {
  return item.references?.[0] ?? tuned(task, item);
}
