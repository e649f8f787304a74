// How much each item counts where a task's number is a mean over groups and not over items.

import type { Item, Task } from "../types.js";
import type { ItemResult } from "./results.js";

export interface ItemWeight {
  /** 1 / (groups x items of its group); 0 for an item without a group. */
  readonly weight: number;
  readonly group: string;
}

/**
 * Weights whose mean over the items is the mean of the groups' means, as BIG-Bench Hard's is over its subtasks: a small subtask
 * counts as much as a large one. The groups are the categories that are there.
 * @returns by the items' order; undefined for a task whose items count the same
 */
export function itemWeights({
  macro,
  items,
}: Pick<Task, "macro"> & { readonly items: readonly Pick<Item, "category">[] }): ItemWeight[] | undefined {
  if (!macro) return undefined;
  const sizes = new Map<string, number>();
  for (const { category } of items) if (category !== undefined) sizes.set(category, (sizes.get(category) ?? 0) + 1);
  return items.map(({ category }) =>
    category === undefined
      ? { weight: 0, group: "" }
      : { weight: 1 / (sizes.size * (sizes.get(category) as number)), group: category },
  );
}

/** The item's weight and group in a metric: those of a mean over groups ("macro_NAME"); else all items count the same. */
export function partOf(item: Pick<ItemResult, "weight" | "group">, metric: string): ItemWeight {
  const { weight, group } = item;
  return metric.startsWith("macro_") && weight !== undefined && group !== undefined
    ? { weight, group }
    : { weight: 1, group: "" };
}
