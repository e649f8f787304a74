// A few of many, evenly.

/** So many at most, evenly, with both ends; of one the last. */
export function spread<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  const step = (items.length - 1) / Math.max(1, most - 1);
  return Array.from({ length: most }, (_, at) => items[most === 1 ? items.length - 1 : Math.round(at * step)] as T);
}
