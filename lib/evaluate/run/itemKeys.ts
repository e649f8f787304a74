// What an item is, whichever set it stands in and wherever: its digest. Random draws and kept answers go by it, so that an item
// that is asked among others, or again, has the same answer.

import { createHash } from "node:crypto";
import type { Item, Task } from "../types.js";

/** By task, so that thousands of items are not hashed for each of a model's lambdas. */
const known = new WeakMap<readonly Item[], readonly string[]>();

/**
 * sha256 of each item's prompt, of its choices or continuations, and of how often the task had the same before: a row that a set has twice is two
 * items, with draws of their own.
 */
export function itemKeys({ items }: Pick<Task, "items">): readonly string[] {
  const before = known.get(items);
  if (before) return before;
  const counts = new Map<string, number>();
  const keys = items.map(({ prompt, choices, continuations }) => {
    const text = JSON.stringify([prompt, choices, ...(continuations ?? [])]);
    const count = counts.get(text) ?? 0;
    counts.set(text, count + 1);
    return createHash("sha256").update(`${text}\0${count}`).digest("hex");
  });
  known.set(items, keys);
  return keys;
}

/** What an item's draws are made from: the first 52 bits of its key. */
export function drawOf(key: string): number {
  return Number.parseInt(key.slice(0, 13), 16);
}
