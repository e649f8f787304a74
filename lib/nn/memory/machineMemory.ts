// How many bytes this process may still take: the machine's free memory, and what a container leaves of it.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { freemem, platform } from "node:os";
import { dirname, join } from "node:path";

/** Reads a file, or gives undefined where there is none; tests hand in a file system of their own. */
export type ReadFile = (path: string) => string | undefined;

/**
 * Bytes that can be had without swapping: on Linux the kernel's estimate (MemAvailable, page cache counts as free), bounded
 * by every control group above this process, as containers, Slurm and systemd set them; on macOS pages that are free or inactive.
 */
export function availableMemory(read: ReadFile = readIfThere, free: number = freeOfMachine()): number {
  return Math.max(0, Math.min(free, ...groupRooms(read)));
}

/**
 * Whether weights of so many bytes are copied into memory of their own when they are opened, in the large pages in which they are
 * read faster than in a mapped file, and blocks in the order of products: where Linux gives such pages, and the copy takes at most half
 * of what is free.
 */
export function isCopied(bytes: number, read: ReadFile = readIfThere, free: number = freeOfMachine()): boolean {
  const pages = read("/sys/kernel/mm/transparent_hugepage/enabled");
  return pages !== undefined && !pages.includes("[never]") && 2 * bytes <= availableMemory(read, free);
}

function freeOfMachine(): number {
  const free = freemem();
  if (platform() !== "darwin") return free;
  // Node counts there what nobody uses at all, which is little: files that were read fill the rest.
  const { stdout } = spawnSync("/usr/bin/vm_stat", { encoding: "utf8", timeout: 5000 });
  return Math.max(free, freeByVmStat(stdout ?? "") ?? 0);
}

/** Bytes of pages that macOS gives to whoever asks: free, speculative and inactive ones. Undefined for another text. */
export function freeByVmStat(text: string): number | undefined {
  const page = /page size of (\d+) bytes/.exec(text)?.[1];
  const [free, ...others] = ["free", "speculative", "inactive"].map((kind) =>
    Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)\\.$`, "m").exec(text)?.[1] ?? Number.NaN),
  );
  if (page === undefined || free === undefined || Number.isNaN(free)) return undefined;
  return Number(page) * others.reduce((sum, pages) => sum + (Number.isNaN(pages) ? 0 : pages), free);
}

/** What each control group with a limit has left. Pages of files that nobody maps count as free: the kernel drops them. */
function groupRooms(read: ReadFile): number[] {
  const rooms: number[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || controllers === undefined) continue;
    if (controllers === "") {
      for (const group of upwards("/sys/fs/cgroup", path)) {
        rooms.push(room(read, group, "memory.max", "memory.current", "inactive_file"));
      }
    } else if (controllers.split(",").includes("memory")) {
      for (const group of upwards("/sys/fs/cgroup/memory", path)) {
        rooms.push(room(read, group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
      }
    }
  }
  return rooms.filter(Number.isFinite);
}

/** The group and all above it. In a container the path may be the host's: then only the root, its own group, is there. */
function upwards(root: string, path: string): string[] {
  const groups: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    groups.push(join(root, at));
    if (at === "/" || at === dirname(at)) return groups;
  }
}

function room(read: ReadFile, group: string, limitFile: string, usageFile: string, inactive: string): number {
  const limit = numberIn(read(join(group, limitFile)));
  const usage = numberIn(read(join(group, usageFile)));
  if (limit === undefined || usage === undefined) return Number.POSITIVE_INFINITY;
  const reclaimable = new RegExp(`^${inactive} (\\d+)$`, "m").exec(read(join(group, "memory.stat")) ?? "");
  return limit - usage + Number(reclaimable?.[1] ?? 0);
}

/** Version 1 writes a huge number for "no limit", which bounds nothing; version 2 writes "max". */
function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
