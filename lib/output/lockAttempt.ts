// What an attempt to take a lock gives, whichever kind of lock it is.

import type { LockHolder } from "./lockHolder.js";

export interface OutputLock {
  /** Lets the next run in. The lock's file is removed. */
  release(): void;
}

/** The lock, or who has it (as far as that is known), by which file. */
export type LockAttempt =
  | { readonly lock: OutputLock }
  | { readonly lock?: undefined; readonly holder: LockHolder | undefined; readonly file: string };
