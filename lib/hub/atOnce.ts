// Many small jobs that wait for a network, some at a time.

/**
 * Does `work` for each item, `limit` at once, and gives what came of them in their order. After a failure nothing new begins, and it
 * is thrown when those that had begun are done.
 * @param onFailure called with the first failure, to end the others
 */
export async function atOnce<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
  onFailure: (error: unknown) => void = () => {},
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const line = async () => {
    while (next < items.length && failures.length === 0) {
      const at = next++;
      try {
        results[at] = await work(items[at] as T);
      } catch (error) {
        if (failures.push(error) === 1) onFailure(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, line));
  if (failures.length > 0) throw failures[0];
  return results;
}
