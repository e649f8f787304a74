// Refuses an output that does not fit on its disk, before anything is read at length.

import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { isMissing } from "../files/isMissing.js";

/**
 * @param needed bytes
 * @param orElse what else than a larger disk helps, for the hint
 * @throws RetemperError NO_SPACE that says what is needed and what is free
 */
export async function requireSpace(out: string, needed: number, orElse: string): Promise<void> {
  const free = await freeBytes(out);
  if (free === undefined || free >= needed) return;
  throw new RetemperError(
    "NO_SPACE",
    `the output needs ${gigabytes(needed)} (${needed} bytes) and ${gigabytes(free)} (${free} bytes) are free`,
    { file: out, hint: `free some space, choose an output on another disk, or ${orElse}` },
  );
}

/**
 * Bytes that an unprivileged writer may use at `path` or at the nearest folder above it that exists; undefined where the file
 * system does not say: some network file systems report nothing at all.
 * @throws RetemperError IO
 */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(path);
    return blocks === 0 ? undefined : bavail * bsize;
  } catch (error) {
    const parent = dirname(path);
    if (isMissing(error) && parent !== path) return freeBytes(parent);
    throw ioError(error, path, "cannot ask for the free space");
  }
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
