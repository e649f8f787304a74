// Whether the program's own files can be loaded: how many files may be open, and how Node says that it is too few.

import { readFileSync } from "node:fs";

/** Where so many files may be open, the program can always load. */
const ENOUGH = 256;

/** Read while a file can still be opened for it; Infinity where the system does not say. */
export const mostOpenFiles = openFilesLimit();

export const areFewOpenFiles = mostOpenFiles < ENOUGH;

/** Whether a file of our own could not be loaded since no more may be open: where few may be, Node calls it missing. */
export function lacksOpenFiles(error: unknown): boolean {
  const { code = "", path = "" } = (error ?? {}) as NodeJS.ErrnoException;
  if (/^E[MN]FILE$/.test(code)) return path.endsWith(".js");
  return areFewOpenFiles && code === "ERR_MODULE_NOT_FOUND";
}

function openFilesLimit(): number {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return Number(limit ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
