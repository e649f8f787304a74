// Makes a folder and those above it, one by one: Node's recursive mkdir never ends where a file system answers ENOENT to every
// name (/proc).

import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * @returns the topmost folder that had to be made, for the way back; undefined where all were there
 * @throws NodeJS.ErrnoException
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let folder = path; await isAbsent(folder); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.toReversed()) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error; // another run may make the same folder at the same time
    });
  }
  // What is there but is no folder: mkdir says so.
  if (missing.length === 0 && !(await stat(path)).isDirectory()) await mkdir(path);
  return missing.at(-1);
}

async function isAbsent(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return true;
      throw error;
    },
  );
}
