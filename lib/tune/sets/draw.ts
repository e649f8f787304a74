// Which rows are drawn: a function of the seed and of the rows alone.

import { RetemperError } from "../../errors.js";
import { DRAW, permutation, uniforms } from "../training/random.js";

/** Streams of the seed: rows to learn, rows to test, which of the rows to learn are held out for a seed of the split. */
export const STREAM = { train: 0, test: 1, split: 2 } as const;

export interface Split<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
  /** Whether the validation rows had to be taken out of the rows to learn. */
  readonly heldOut: boolean;
}

export interface SplitOptions<T> {
  /** Of the rows that are drawn. */
  readonly seed: number;
  /** Of what of them is validation, where that is another one for each tuning. */
  readonly splitSeed?: number | undefined;
  /** Rows with the same prompt are on the same side. */
  readonly promptOf: (row: T) => string;
  /** As many rows of each group as there can be, where given. */
  readonly groupOf?: ((row: T) => string) | undefined;
}

/**
 * Rows to learn, and beside them rows of the validation whose prompts are not learned. Where there are fewer rows than both
 * together, the validation rows are held out of the rows to learn. Both keep the order of `rows`.
 * @throws RetemperError BAD_INPUT where there are too few
 */
export function drawSplit<T>(
  rows: readonly T[],
  { train, validation }: { readonly train: number; readonly validation: number },
  { seed, splitSeed, promptOf, groupOf }: SplitOptions<T>,
): Split<T> {
  if (rows.length < train || rows.length <= validation) {
    throw tooFew(rows.length, Math.max(train, validation + 1), "to learn");
  }
  const names = {
    prompt: (i: number) => promptOf(rows[i] as T),
    group: groupOf && ((i: number) => groupOf(rows[i] as T)),
  };
  const order = permutation(rows.length, uniforms(seed, DRAW.dataRows, STREAM.train));
  const learned = firstOf(order, train, names.group);
  const prompts = new Set([...learned].map(names.prompt));
  const others = order.filter((i) => !learned.has(i) && !prompts.has(names.prompt(i)));
  const heldOut = others.length < validation;
  const held = wholePrompts(heldOut ? [...learned] : others, validation, names);
  const pool = heldOut ? learned : new Set([...learned, ...held]);
  // another split of the same rows: so many of them as the draw itself holds out
  const chosen =
    splitSeed === undefined || held.size === 0
      ? held
      : wholePrompts(
          reordered(
            [...pool].sort((a, b) => a - b),
            splitSeed,
          ),
          held.size,
          names,
        );
  const asked = new Set([...chosen].map(names.prompt)); // also by rows of another group
  return {
    train: rows.filter((_, i) => pool.has(i) && !asked.has(names.prompt(i))),
    validation: rows.filter((_, i) => chosen.has(i)),
    heldOut,
  };
}

function reordered(places: readonly number[], seed: number): number[] {
  const order = permutation(places.length, uniforms(seed, DRAW.dataRows, STREAM.split));
  return order.map((at) => places[at] as number);
}

/** `count` rows in their order. @throws RetemperError BAD_INPUT where there are too few */
export function drawRows<T>(rows: readonly T[], count: number, seed: number): readonly T[] {
  if (rows.length < count) throw tooFew(rows.length, count, "to test");
  const drawn = new Set(permutation(rows.length, uniforms(seed, DRAW.dataRows, STREAM.test)).slice(0, count));
  return rows.filter((_, i) => drawn.has(i));
}

/** The first of `order`, or as many of each group as the smaller groups allow. */
function firstOf(order: readonly number[], count: number, groupOf: ((i: number) => string) | undefined): Set<number> {
  return ofGroups(order, count, groupOf, (members, share) => members.slice(0, share));
}

/** Likewise, but all rows of a prompt or none: a prompt that no longer fits is passed over. */
function wholePrompts(
  order: readonly number[],
  count: number,
  { prompt, group }: { readonly prompt: (i: number) => string; readonly group: ((i: number) => string) | undefined },
): Set<number> {
  return ofGroups(order, count, group, (members, share) => {
    const taken: number[] = [];
    for (const rows of grouped(members, prompt)) if (taken.length + rows.length <= share) taken.push(...rows);
    return taken;
  });
}

function ofGroups(
  order: readonly number[],
  count: number,
  groupOf: ((i: number) => string) | undefined,
  take: (members: readonly number[], share: number) => readonly number[],
): Set<number> {
  const taken = new Set<number>();
  // The smallest first: what a group lacks of its share, the larger ones share.
  const bySize = (groupOf ? grouped(order, groupOf) : [order]).sort((a, b) => a.length - b.length);
  bySize.forEach((members, at) => {
    const share = Math.ceil((count - taken.size) / (bySize.length - at));
    for (const i of take(members, Math.min(share, count - taken.size))) taken.add(i);
  });
  return taken;
}

function grouped(order: readonly number[], nameOf: (i: number) => string): (readonly number[])[] {
  const groups = new Map<string, number[]>();
  for (const i of order) {
    const name = nameOf(i);
    const members = groups.get(name);
    if (members) members.push(i);
    else groups.set(name, [i]);
  }
  return [...groups.values()];
}

function tooFew(there: number, wanted: number, what: string): RetemperError {
  return new RetemperError("BAD_INPUT", `There are ${there} rows ${what}; ${wanted} are wanted.`, {
    hint: "give more rows, or ask for fewer (--rows, --validation, --test)",
  });
}
