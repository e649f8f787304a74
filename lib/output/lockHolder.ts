// Who holds a lock: written into the lock's file, and read by those that are refused.

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { kill, pid } from "node:process";

/** A process, told apart from every other one of its machine, also from later ones with its number. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the lock was taken, as an ISO date. */
  readonly since: string;
  /** Linux: when the process began, in clock ticks since the machine's start, and where its number counts. */
  readonly started?: string | undefined;
  readonly namespace?: string | undefined;
}

export function thisProcess(): LockHolder {
  return {
    pid,
    host: hostname(),
    since: new Date().toISOString(),
    started: startOf(pid),
    namespace: namespaceOfPids(),
  };
}

/** The holder that a file names; undefined where it names none (yet). */
export function holderIn(path: string): LockHolder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as LockHolder | null;
    return Number.isInteger(value?.pid) && typeof value?.host === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** "process 123 on host, since ..." */
export function describeHolder({ pid: id, host, since }: LockHolder): string {
  return `process ${id} on ${host}, since ${since}`;
}

/** Whether the process certainly is no more. Of other machines and other containers nothing is certain. */
export function isGone(holder: LockHolder): boolean {
  if (holder.host !== hostname() || holder.namespace !== namespaceOfPids()) return false;
  try {
    kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH"; // EPERM: it lives, and is somebody else's
  }
  const started = startOf(holder.pid);
  return started !== undefined && holder.started !== undefined && started !== holder.started;
}

/** Field 22 of /proc/PID/stat; undefined elsewhere than on Linux. */
function startOf(id: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${id}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]; // the name before it may hold spaces and brackets
  } catch {
    return undefined;
  }
}

function namespaceOfPids(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}
