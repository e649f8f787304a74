// Which rows are drawn: a function of the seed and of the rows alone.

import { RetemperError } from "../../errors.js";
import { DRAW, permutation, uniforms } from "../training/random.js";

/** Streams of the seed: rows to learn, rows to test. */
export const STREAM = { train: 0, test: 1 } as const;

export interface Split<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
  /** Whether the validation rows had to be taken out of the rows to learn. */
  readonly heldOut: boolean;
}

/**
 * Rows to learn, and beside them rows of the validation. Where there are fewer rows than both together, the validation rows are
 * held out of the rows to learn. Both keep the order of `rows`.
 * @param groupOf as many rows of each group as there can be, where given
 * @throws RetemperError BAD_INPUT where there are too few
 */
export function drawSplit<T>(
  rows: readonly T[],
  counts: { readonly train: number; readonly validation: number },
  seed: number,
  groupOf?: (row: T) => string,
): Split<T> {
  const { train, validation } = counts;
  if (rows.length < train || rows.length <= validation) {
    throw tooFew(rows.length, Math.max(train, validation + 1), "to learn");
  }
  const heldOut = rows.length < train + validation;
  const order = permutation(rows.length, uniforms(seed, DRAW.dataRows, STREAM.train));
  const learned = firstOf(order, train, groupOf && ((i) => groupOf(rows[i] as T)));
  const rest = heldOut ? [...learned] : order.filter((i) => !learned.has(i));
  const held = firstOf(rest, validation, groupOf && ((i) => groupOf(rows[i] as T)));
  return {
    train: rows.filter((_, i) => learned.has(i) && !held.has(i)),
    validation: rows.filter((_, i) => held.has(i)),
    heldOut,
  };
}

/** `count` rows in their order. @throws RetemperError BAD_INPUT where there are too few */
export function drawRows<T>(rows: readonly T[], count: number, seed: number): readonly T[] {
  if (rows.length < count) throw tooFew(rows.length, count, "to test");
  const drawn = new Set(permutation(rows.length, uniforms(seed, DRAW.dataRows, STREAM.test)).slice(0, count));
  return rows.filter((_, i) => drawn.has(i));
}

/** The first of `order`, or as many of each group as the smaller groups allow. */
function firstOf(order: readonly number[], count: number, groupOf: ((i: number) => string) | undefined): Set<number> {
  if (groupOf === undefined) return new Set(order.slice(0, count));
  const groups = new Map<string, number[]>();
  for (const i of order) {
    const name = groupOf(i);
    const members = groups.get(name);
    if (members) members.push(i);
    else groups.set(name, [i]);
  }
  const taken = new Set<number>();
  // The smallest first: what a group lacks of its share, the larger ones share.
  const bySize = [...groups.values()].sort((a, b) => a.length - b.length);
  bySize.forEach((members, at) => {
    const share = Math.ceil((count - taken.size) / (bySize.length - at));
    for (const i of members.slice(0, Math.min(share, count - taken.size))) taken.add(i);
  });
  return taken;
}

function tooFew(there: number, wanted: number, what: string): RetemperError {
  return new RetemperError("BAD_INPUT", `There are ${there} rows ${what}; ${wanted} are wanted.`, {
    hint: "give more rows, or ask for fewer (--rows, --validation, --test)",
  });
}
