// A control group that limits all memory of a process, pages of files that it reads and writes among it: version 1 or 2,
// where this user may make one.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface MemoryGroup {
  /** For a shell: puts the process into the group. */
  readonly enter: string;
  /** Bytes in use at most so far; undefined where the system does not say. */
  peak(): number | undefined;
  /** Once no process is in it. */
  remove(): void;
}

/** A group of at most `bytes`; a sentence that says why not, where there is none to be had. */
export function limitedGroup(bytes: number): MemoryGroup | string {
  const root = "/sys/fs/cgroup";
  const groups = existsSync("/proc/self/cgroup") ? readFileSync("/proc/self/cgroup", "utf8") : "";
  const first = existsSync(join(root, "memory"));
  const own = (first ? /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/m : /^0::(.*)$/m).exec(groups)?.[1];
  if (own === undefined) return "no control groups";
  // In a container the group's own path may not be there: then the root is.
  const mounted = first ? join(root, "memory") : root;
  const parent = existsSync(join(mounted, own)) ? join(mounted, own) : mounted;
  const path = join(parent, `retemper-limits-${process.pid}`);
  const names = first
    ? { limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes" }
    : { limit: "memory.max", peak: "memory.peak" };
  try {
    mkdirSync(path);
  } catch (error) {
    return `no control group can be made: ${(error as Error).message}`;
  }
  try {
    writeFileSync(join(path, names.limit), `${bytes}`);
  } catch (error) {
    rmdirSync(path);
    return `memory cannot be limited in a control group: ${(error as Error).message}`;
  }
  const peak = join(path, names.peak);
  return {
    enter: `echo $$ > '${join(path, "cgroup.procs")}' || exit 1`,
    peak: () => (existsSync(peak) ? Number(readFileSync(peak, "utf8")) : undefined),
    remove: () => rmdirSync(path),
  };
}
