// Waits for a lock whose holder does what the waiting one wants done.

import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two attempts. */
const PAUSE = 100;

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, where another has the lock. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * @param attempt null while another has the lock
 * @throws the signal's reason; what `attempt` throws
 */
export async function waitFor<T>(attempt: () => T | null, { signal, onWait }: WaitOptions = {}): Promise<T> {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    const lock = attempt();
    if (lock !== null) return lock;
    if (!waited) onWait?.();
    await sleep(PAUSE, undefined, signal && { signal }).catch(() => {});
  }
}
