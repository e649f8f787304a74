// Which process a file of the shared folder speaks of, and whether that one certainly is no more.

import { readFileSync } from "node:fs";
import { isGone, type LockHolder, thisProcess } from "../../output/lockHolder.js";

/** A process on one of several machines, of which two may have the same name. */
export interface SharingProcess extends LockHolder {
  /** Linux: of this start of the machine, on no other machine the same. */
  readonly boot?: string | undefined;
}

export function thisSharingProcess(): SharingProcess {
  return { ...thisProcess(), boot: bootOfMachine() };
}

/**
 * Whether a process certainly is no more. Of other machines nothing is certain, nor of one that has the name of this one: pods that
 * follow each other are called the same.
 */
export function isCertainlyGone(other: SharingProcess): boolean {
  return other.boot === bootOfMachine() && isGone(other);
}

/** Whether it certainly is a process that is there now, on this machine. */
export function isHere(other: SharingProcess): boolean {
  const { host, namespace, boot } = thisSharingProcess();
  return other.host === host && other.namespace === namespace && other.boot === boot && !isGone(other);
}

function bootOfMachine(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined; // not Linux: its name has to do
  }
}
