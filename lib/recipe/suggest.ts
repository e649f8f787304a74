// "Did you mean": the nearest of the known words.

import { distance } from "fastest-levenshtein";

/** The known word nearest to `word`, if it is near enough to be a typing mistake. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  // Longer text is no mistyped keyword, and the distance takes time in its length.
  if (word.length > 64) return undefined;
  const wanted = word.toLowerCase().replaceAll("-", "_");
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const steps = distance(wanted, candidate.toLowerCase());
    if (steps < least) {
      best = candidate;
      least = steps;
    }
  }
  return best !== undefined && least <= Math.max(2, Math.floor(best.length / 2)) ? best : undefined;
}

/** `did you mean "…"?`, or the list of what is known, which `what` introduces. */
export function suggestion(word: string, known: readonly string[], what = "known"): string {
  const near = nearest(word, known);
  return near === undefined ? `${what}: ${known.join(", ")}` : `did you mean \`${near}\`?`;
}
