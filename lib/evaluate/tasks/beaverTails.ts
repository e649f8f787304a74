// BeaverTails' rows: a prompt with one answer, whether that answer is safe, and a flag for each of 14 categories.

import type { Row } from "../data/rows.js";

/** The category that the answer's labels name; "several" for more than one, undefined for none. */
export function beaverTailsCategory({ category }: Row): string | undefined {
  if (typeof category === "string") return category;
  if (typeof category !== "object" || category === null) return undefined;
  const set = Object.entries(category).flatMap(([name, flag]) => (isTrue(flag) ? [name] : []));
  return set.length > 1 ? "several" : set[0];
}

/** A flag of Parquet or JSON, or as Python writes it into CSV. */
export function isTrue(flag: unknown): boolean {
  return flag === true || flag === 1 || (typeof flag === "string" && /^(true|1)$/i.test(flag));
}
