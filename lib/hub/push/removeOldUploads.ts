// What is known of uploads that nobody went on with: their addresses ended long ago, so that they are of no use to anybody.

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { kernelLock } from "../../output/tryLock.js";

/** Signed addresses are good for a week at the most. */
const OLD = 14 * 24 * 60 * 60_000;
const OWN = /^[0-9a-f]{40}\.(jsonl|lock)$/;

/** Files that another push holds, and those that cannot be removed, stay. */
export async function removeOldUploads(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const file = join(folder, name);
    const facts = OWN.test(name) ? await stat(file).catch(() => undefined) : undefined;
    if (!facts || Date.now() - facts.mtimeMs < OLD) continue;
    if (name.endsWith(".jsonl")) await rm(file, { force: true }).catch(() => {});
    else removeLock(file);
  }
}

function removeLock(file: string): void {
  try {
    kernelLock(file)?.release();
  } catch {} // on a disk that is read-only by now
}
