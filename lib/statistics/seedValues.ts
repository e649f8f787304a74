// What the statistics of several tunings are made from: the same items, asked of each tuning's model.

import { RetemperError } from "../errors.js";

/** [seed][item]: what each tuning's model got on each item, such as 0 or 1; null where a verdict or an answer is missing. */
export type SeedValues = readonly (readonly (number | null)[])[];

export interface ItemOptions {
  /** Of each item in a mean, such as 1 / (27 n) for macro means over 27 tasks; equal by default. */
  readonly weights?: readonly number[] | undefined;
  /** Of each item the number of its group, such as its task: groups are fixed, only items within them vary. One by default. */
  readonly groups?: readonly number[] | undefined;
}

/** One item of a mean: what was measured of it, its weight (all of them together 1) and its group. */
export interface WeightedItem {
  readonly value: number;
  readonly weight: number;
  readonly group: number;
}

/**
 * The items that have a value, with weights that sum to 1 again.
 * @throws RetemperError USAGE where weights or groups are not those of these items
 */
export function weightedItems(values: readonly (number | null)[], options: ItemOptions = {}): WeightedItem[] {
  const { weights, groups } = options;
  for (const [name, list] of Object.entries({ weights, groups })) {
    if (list === undefined || list.length === values.length) continue;
    throw new RetemperError("USAGE", `${list.length} ${name} do not fit ${values.length} items`, {
      hint: `give ${name} in the order of the items, one for each`,
    });
  }
  if (weights?.some((weight) => !(weight >= 0))) {
    throw new RetemperError("USAGE", "a weight of an item is negative or no number", {
      hint: "give weights of 0 or more",
    });
  }
  const items: WeightedItem[] = [];
  let sum = 0;
  values.forEach((value, at) => {
    const weight = weights?.[at] ?? 1;
    if (value === null || weight === 0) return;
    items.push({ value, weight, group: groups?.[at] ?? 0 });
    sum += weight;
  });
  return items.map(({ value, weight, group }) => ({ value, weight: weight / sum, group }));
}

/** @throws RetemperError USAGE where a row lacks items that another has */
export function checkRows(values: SeedValues, items = values[0]?.length): void {
  const other = values.find((row) => row.length !== items);
  if (other === undefined) return;
  throw new RetemperError("USAGE", `${items} and ${other.length} values are not of the same items`, {
    hint: "give the values of the same items in the same order for every model, null where one is missing",
  });
}
