// The one lock of everything that is written: held by one run at a time, gone with its process.

import { rmSync, writeFileSync } from "node:fs";
import { loadAddon } from "../addon/load.js";
import type { NativeLock } from "../addon/surface.js";
import type { LockAttempt } from "./lockAttempt.js";
import { holderIn, thisProcess } from "./lockHolder.js";
import { tryOwnerFile } from "./ownerFile.js";

/**
 * Takes the lock of the file `path`, which is made. Two paths to one file are one lock. It is the kernel's (flock), so that a
 * killed run's is free at once; without the addon, or where the file system offers no locks, a file `path.owner` stands for
 * it.
 * @throws what the addon or the file system throws where the file cannot be made
 */
export function tryLock(path: string): LockAttempt {
  const lock = kernelLock(path);
  if (lock === null) return { holder: holderIn(path), file: path };
  if (lock === undefined) {
    rmSync(path, { force: true }); // made by the attempt
    return tryOwnerFile(`${path}.owner`);
  }
  try {
    writeFileSync(path, `${JSON.stringify(thisProcess())}\n`);
  } catch {} // on a full disk the lock holds too
  return { lock };
}

export type KernelLock = NativeLock;

/** flock by the addon: null while another holds it, undefined where there is none to be had. */
export function kernelLock(path: string): KernelLock | null | undefined {
  let addon: ReturnType<typeof loadAddon>;
  try {
    addon = loadAddon();
  } catch {
    return undefined; // evaluating over HTTP needs no addon
  }
  return addon.lockFile(path);
}
