// The items of a table, in one order for all of its models, so that models are compared item by item.

import { partOf } from "../../evaluate/run/itemWeights.js";
import type { Results, TaskResults } from "../../evaluate/run/results.js";
import type { ItemName, ItemNames } from "../../report/types.js";
import type { SeedValues } from "../../statistics/seedValues.js";

export interface TableItem {
  /** "task/id". */
  readonly key: string;
  readonly set: string;
  /** sha256 of the prompt. */
  readonly prompt: string;
  readonly category?: string | undefined;
  /** How much it counts in the mean, in items: 1 where all count the same. */
  readonly weight: number;
  readonly group: string;
}

/** By kind of task; `selected` has those of sets that stand outside of the choice. */
export type TableItems = Readonly<Record<TaskResults["kind"] | "selected", readonly TableItem[]>>;

/**
 * The items of an evaluation, in its order. Where a task's number is a mean over groups, such as BBH's over its subtasks, its
 * items count as in that mean; tasks count by their numbers of items.
 * @param results of a model that was asked all items of the table, as the aligned one is
 */
export function tableItems(results: Pick<Results, "tasks"> | undefined): TableItems {
  const items: Record<keyof TableItems, TableItem[]> = { safety: [], "over-refusal": [], task: [], selected: [] };
  for (const { name, kind, primary, selectedBy, items: own } of results?.tasks ?? []) {
    const parts = own.map((item) => partOf(item, primary));
    const scale = own.length / parts.reduce((sum, { weight }) => sum + weight, 0);
    for (const [at, { id, category, prompt }] of own.entries()) {
      const { weight, group } = parts[at] as (typeof parts)[number];
      const counts = { weight: weight * scale, group: `${name}/${group}` };
      items[selectedBy === undefined ? kind : "selected"].push({
        ...{ key: `${name}/${id}`, set: name, prompt, category },
        ...counts,
      });
    }
  }
  return items;
}

/** Weights and groups as statistics take them; nothing where all items count the same. */
export function weighing(items: readonly Pick<TableItem, "weight" | "group">[]): {
  weights?: number[];
  groups?: number[];
} {
  if (items.every(({ weight }) => weight === 1)) return {};
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  const groups = [...new Set(items.map(({ group }) => group))];
  return {
    weights: items.map(({ weight }) => weight / total),
    groups: items.map(({ group }) => groups.indexOf(group)),
  };
}

/** [seed][item]: each item's part of its task's primary metric; null where it was not asked, or has no verdict or answer. */
export function valuesOf(seeds: readonly Pick<Results, "tasks">[], items: readonly TableItem[]): SeedValues {
  return seeds.map(({ tasks }) => {
    const scores = new Map<string, number | null>();
    for (const { name, primary, items: own } of tasks) {
      for (const { id, scores: of } of own) scores.set(`${name}/${id}`, of[primary] ?? null);
    }
    return items.map(({ key }) => scores.get(key) ?? null);
  });
}

/** What results keep of a table's items: who pools several runs finds the same ones by it. Prompts themselves are not kept. */
export function itemNames(items: TableItems): ItemNames {
  const seen = new Map<string, number>();
  const named = (of: readonly TableItem[]) =>
    of.map(({ set, prompt, category }): ItemName => {
      const before = seen.get(`${set}/${prompt}`) ?? 0;
      seen.set(`${set}/${prompt}`, before + 1);
      return {
        set,
        prompt: before === 0 ? prompt : `${prompt}#${before + 1}`,
        ...(category !== undefined && { category }),
      };
    });
  return {
    safety: named(items.safety),
    overRefusal: named(items["over-refusal"]),
    task: named(items.task),
    selected: named(items.selected),
  };
}
