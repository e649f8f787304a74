// A selection as it is kept in files: its candidates' items are in the table that it was made from.

import type { Selection } from "./types.js";

const ITEMS = new Set(["values", "weights", "groups"]);

/**
 * A selection without the items of its candidates, which it would else repeat for every choice and verdict; or anything else
 * that holds such numbers.
 * @example
 * ```ts
 * import { select, withoutItems } from "retemper";
 *
 * const asr = { value: 0, values: [[0, 0, 0, 0]] };
 * const score = { value: 0.5, values: [[0, 1, 1, 0]] };
 * const selection = select({ aligned: { asr, score }, candidates: [{ method: "linear", lambda: 0.2, asr, score }] }, "score");
 * console.log(withoutItems(selection).overall.candidate?.score); // { value: 0.5 }
 * ```
 */
export function withoutItems<T = Selection>(selection: T): T {
  return stripped(selection) as T;
}

function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key, one]) => !(ITEMS.has(key) && Array.isArray(one)));
  return Object.fromEntries(entries.map(([key, one]) => [key, stripped(one)]));
}
