// Where a path leads, or will lead once it is there.

import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { RetemperError } from "../errors.js";

/** The real path that `path` has or will have: links are followed as far as it exists. */
export async function futurePath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await futurePath(parent), basename(absolute));
  }
}

/**
 * The absolute path of an output; a link to a folder is followed, so that the folder and not the link is replaced.
 * @throws RetemperError USAGE for what is no path
 */
export async function outputPath(out: string): Promise<string> {
  if (out === "" || out.includes("\0")) {
    throw new RetemperError("USAGE", `${JSON.stringify(out)} is no path of an output folder`);
  }
  return realpath(out).catch(() => resolve(out));
}

/** Whether a path lies inside a folder and is not the folder itself. Both must be real. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`);
}
