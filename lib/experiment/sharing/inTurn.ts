// What all workers do, one after the other: writing the files that belong to the whole run.

import type { Workers } from "./workers.js";

/**
 * Waits until no other worker is at it.
 * @param key of what is done: of no step
 * @param work what another may have done before, or begun: it looks for that, and does it whole
 * @throws the signal's reason; whatever ends `work`
 */
export async function inTurn<T>(
  workers: Workers,
  key: string,
  work: () => Promise<T>,
  signal?: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const claim = await workers.claim(key);
    if (claim) {
      try {
        return await work();
      } finally {
        await claim.release();
      }
    }
    await workers.settled(signal);
  }
}
