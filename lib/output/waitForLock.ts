// Locks whose holder is waited for: what it does is what the waiting one wants done.

import { setTimeout as sleep } from "node:timers/promises";
import type { LockHolder } from "./lockHolder.js";
import { type OutputLock, tryLock } from "./tryLock.js";

/** Milliseconds between two attempts. */
const PAUSE = 100;

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, where another has the lock. */
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
}

/** @throws the signal's reason; what `tryLock` throws */
export async function waitForLock(path: string, { signal, onWait }: WaitOptions = {}): Promise<OutputLock> {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    const attempt = tryLock(path);
    if (attempt.lock) return attempt.lock;
    if (!waited) onWait?.(attempt.holder);
    await pause(signal);
  }
}

/** One pause between attempts; ends early with the signal. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await sleep(PAUSE, undefined, signal && { signal }).catch(() => {});
}
