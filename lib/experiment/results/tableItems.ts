// The items of a table, in one order for all of its models, so that models are compared item by item.

import { partOf } from "../../evaluate/run/itemWeights.js";
import type { Results, TaskResults } from "../../evaluate/run/results.js";
import type { SeedValues } from "../../statistics/seedValues.js";

export interface TableItem {
  /** "task/id". */
  readonly key: string;
  readonly category?: string | undefined;
  /** How much it counts in the mean, in items: 1 where all count the same. */
  readonly weight: number;
  readonly group: string;
}

/** By kind of task. */
export type TableItems = Readonly<Record<TaskResults["kind"], readonly TableItem[]>>;

/**
 * The items of an evaluation, in its order. Where a task's number is a mean over groups, such as BBH's over its subtasks, its
 * items count as in that mean; tasks count by their numbers of items. Sets that stand outside of the choice have none here.
 * @param results of a model that was asked all items of the table, as the aligned one is
 */
export function tableItems(results: Pick<Results, "tasks"> | undefined): TableItems {
  const items: Record<TaskResults["kind"], TableItem[]> = { safety: [], "over-refusal": [], task: [] };
  for (const { name, kind, primary, selectedBy, items: own } of results?.tasks ?? []) {
    if (selectedBy !== undefined) continue;
    const parts = own.map((item) => partOf(item, primary));
    const scale = own.length / parts.reduce((sum, { weight }) => sum + weight, 0);
    for (const [at, { id, category }] of own.entries()) {
      const { weight, group } = parts[at] as (typeof parts)[number];
      items[kind].push({ key: `${name}/${id}`, category, weight: weight * scale, group: `${name}/${group}` });
    }
  }
  return items;
}

/** Weights and groups as statistics take them; nothing where all items count the same. */
export function weighing(items: readonly TableItem[]): { weights?: number[]; groups?: number[] } {
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
