// The free space of the disk that a path is on, or will be on.

import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ioError } from "./ioError.js";
import { isMissing } from "./isMissing.js";

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
    const parent = dirname(resolve(path));
    if (isMissing(error) && parent !== path) return freeBytes(parent);
    throw ioError(error, path, "cannot ask for the free space");
  }
}
