// `str.replace`, whose result is measured before it is made.

import type { Run } from "../values/value.js";

/** @param most How many places at most; all if it is negative. */
export function replaceText(run: Run, text: string, old: string, made: string, most: number): string {
  run.budget.spendOn(text.length);
  const points = old === "" ? Array.from(text) : undefined;
  const found = points === undefined ? occurrences(text, old) : points.length + 1;
  const places = most < 0 ? found : Math.min(found, most);
  run.budget.allow(text.length + places * Math.max(0, made.length - old.length));
  if (places === 0) return text;
  if (points !== undefined) return run.budget.text(between(points, made, places));
  if (places === found) return run.budget.text(text.replaceAll(old, () => made));
  let remaining = places;
  return run.budget.text(text.replaceAll(old, () => (remaining-- > 0 ? made : old)));
}

function occurrences(text: string, wanted: string): number {
  let found = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) found += 1;
  return found;
}

function between(points: readonly string[], made: string, places: number): string {
  const parts = points.map((point, index) => (index < places ? made + point : point));
  return parts.join("") + (places > points.length ? made : "");
}
