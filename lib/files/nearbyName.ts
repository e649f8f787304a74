// What a mistyped path may have meant: the entry of its folder that is spelled most like it.

import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { distance } from "fastest-levenshtein";

/** Of a folder with more entries nothing is guessed. */
const MOST_ENTRIES = 2000;

/** The name in the folder of `path` that is at most a third of its letters away; undefined where there is none. */
export async function nearbyName(path: string): Promise<string | undefined> {
  const wanted = basename(path).slice(0, 255);
  const names = await readdir(dirname(path)).catch(() => []);
  if (names.length > MOST_ENTRIES) return undefined;
  let best: { readonly name: string; readonly away: number } | undefined;
  for (const name of names.sort()) {
    const away = distance(name, wanted);
    if (away <= Math.max(1, Math.floor(wanted.length / 3)) && (best === undefined || away < best.away))
      best = { name, away };
  }
  return best?.name;
}
