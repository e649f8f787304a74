// A number of a candidate by the items of a look, as the rules read numbers.

import type { Quantity } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import type { DeclaredItems } from "./types.js";

/** The first `look` items of the order; what comes after is left out, also where it was asked. */
export function quantityOf({ order, weights, groups }: DeclaredItems, values: SeedValues, look: number): Quantity {
  const rows = look >= order.length ? values : values.map((row) => firstOf(order, row, look));
  const options = { weights, groups };
  return { value: meanOverSeeds(rows, options), values: rows, ...options };
}

function firstOf(order: readonly number[], row: readonly (number | null)[], look: number): (number | null)[] {
  const kept = row.map(() => null as number | null);
  for (const place of order.slice(0, look)) kept[place] = row[place] ?? null;
  return kept;
}
