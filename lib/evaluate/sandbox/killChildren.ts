// Ends what a launcher has launched.

import { readFileSync } from "node:fs";
import { kill } from "node:process";

/**
 * Kills the processes that a child process of ours has started. Its own end then says that they are gone, which its death
 * would not: a launcher waits for the first process of its sandbox, and that for all others there.
 */
export function killChildren(pid: number | undefined): void {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    for (const one of children) kill(Number(one), "SIGKILL");
  } catch {
    // It has ended; or the kernel does not list children, and its end is insisted on.
  }
}
