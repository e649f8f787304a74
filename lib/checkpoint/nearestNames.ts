// Suggestions for tensor names that a checkpoint does not have.

import { closest } from "fastest-levenshtein";

/** More would cost time, and nobody reads them. */
const SUGGESTIONS = 20;
const MAX_CANDIDATES = 5000;

/** Each name as a line; the first ones with the nearest name that exists, by edit distance. */
export function nearestNames(missing: readonly string[], existing: Iterable<string>): string[] {
  const byLeaf = new Map<string, string[]>();
  const all: string[] = [];
  for (const name of existing) {
    all.push(name);
    const leaf = leafOf(name);
    const same = byLeaf.get(leaf);
    if (same) same.push(name);
    else byLeaf.set(leaf, [name]);
  }
  return missing.map((name, i) => {
    if (i >= SUGGESTIONS || all.length === 0 || name.length > 300) return name;
    const near = closest(name, (byLeaf.get(leafOf(name)) ?? all).slice(0, MAX_CANDIDATES));
    return `${name} (nearest: ${near})`;
  });
}

/** The last two segments: "q_proj.weight". */
function leafOf(name: string): string {
  return name.split(".").slice(-2).join(".");
}
