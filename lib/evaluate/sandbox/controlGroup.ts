// Control groups (version 2) for sandboxes, where this process may make them: the kernel itself then counts all memory of
// a sandbox, its own tables included, and its processes. Where there is none, the supervisor's looking alone has to do.

import { access, mkdtemp, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pid } from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { RetemperError } from "../../errors.js";
import type { ProgramLimits } from "./programLimits.js";

export interface ControlGroup {
  /** Runs a command in the group. */
  wrap(command: readonly [string, ...string[]]): readonly [string, ...string[]];
  /** Whether the kernel has killed something in it for its memory. */
  ranOutOfMemory(): Promise<boolean>;
  /** Kills what is left in it, and removes it. */
  remove(): Promise<void>;
}

/** For the supervisor and the launcher; the program's own limit is the supervisor's to keep. */
const OWN_BYTES = 64 * 2 ** 20;
/** Processes of ours: launchers, supervisor, checker. */
const OWN_PROCESSES = 8;
const PREFIX = "retemper-";

/**
 * A folder in which groups with a limit on memory can be made: this process's own group or the one above it (a group with
 * processes of its own has no such groups below it, so it is mostly the second). undefined where neither can be used.
 */
export async function findGroupParent(): Promise<string | undefined> {
  const own = await ownGroup();
  if (own === undefined) return undefined;
  for (const folder of [own.path, ...(own.path === own.mount ? [] : [dirname(own.path)])]) {
    try {
      const controllers = (await readFile(join(folder, "cgroup.subtree_control"), "utf8")).split(/\s+/);
      if (!controllers.includes("memory") || !controllers.includes("pids")) continue;
      await removeLeftovers(folder);
      const group = await mkdtemp(join(folder, PREFIX));
      await access(join(group, "memory.max")).finally(() => rmdir(group));
      return folder;
    } catch {
      // not ours to use
    }
  }
  return undefined;
}

/** Where version 2 is mounted, and the folder of this process's group there. */
async function ownGroup(): Promise<{ mount: string; path: string } | undefined> {
  try {
    const [mounts, groups] = await Promise.all([
      readFile("/proc/self/mountinfo", "utf8"),
      readFile("/proc/self/cgroup", "utf8"),
    ]);
    const [, root, mount] = /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(mounts) ?? [];
    const path = /^0::(\S+)$/m.exec(groups)?.[1];
    if (root === undefined || mount === undefined || path === undefined || path.includes("..")) return undefined;
    if (root !== "/" && path !== root && !path.startsWith(`${root}/`)) return undefined;
    return { mount, path: join(mount, root === "/" ? path : path.slice(root.length)) };
  } catch {
    return undefined; // no Linux, or no /proc
  }
}

/** Groups of callers that were killed are empty, and stay until somebody removes them. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const maker = /^retemper-(\d+)-/.exec(name)?.[1];
    if (maker === undefined) continue;
    const alive = await access(`/proc/${maker}`).then(
      () => true,
      () => false,
    );
    if (!alive) await rmdir(join(folder, name)).catch(() => {});
  }
}

/** @throws RetemperError SANDBOX where the folder cannot be used after all */
export async function makeControlGroup(folder: string, limits: ProgramLimits): Promise<ControlGroup> {
  const group = await mkdtemp(join(folder, `${PREFIX}${pid}-`)).catch((error) => {
    throw new RetemperError("SANDBOX", "A control group cannot be made.", { file: folder, cause: error });
  });
  const set = (name: string, value: number) => writeFile(join(group, name), String(value));
  const remove = async () => {
    await set("cgroup.kill", 1).catch(() => {}); // Linux 5.14; everything has mostly ended by now
    for (let attempt = 0; attempt < 100; attempt++) {
      const removed = await rmdir(group).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === "ENOENT",
      );
      if (removed) return;
      await wait(20);
    }
  };
  try {
    await set("memory.max", limits.memoryBytes + OWN_BYTES);
    await set("memory.swap.max", 0).catch(() => {}); // a kernel without swap has none
    await set("memory.oom.group", 1);
    await set("pids.max", limits.processes + OWN_PROCESSES);
  } catch (error) {
    await remove();
    throw new RetemperError("SANDBOX", `A control group's limits cannot be set: ${(error as Error).message}`, {
      file: group,
      cause: error,
    });
  }
  return {
    wrap: (command) => ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', group, ...command],
    ranOutOfMemory: async () => {
      const events = await readFile(join(group, "memory.events"), "utf8").catch(() => "");
      return /^oom_kill [1-9]/m.test(events);
    },
    remove,
  };
}
