// Temporary folders that outlast nobody: removed by their run, or by the next one where that was killed.

import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { temporaryFolderError } from "../files/temporaryFolder.js";
import type { OutputLock } from "./lockAttempt.js";
import { tryLock } from "./tryLock.js";

export interface OwnedFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * A folder in the system's place for temporary files, with a lock beside it that lives as long as its owner. Folders with this
 * prefix whose owner is gone are removed.
 * @param prefix of its name, "retemper-virtual-"
 * @throws RetemperError IO where there is no such place, or nothing can be made in it; NO_SPACE
 */
export async function ownedFolder(prefix: string): Promise<OwnedFolder> {
  const place = tmpdir();
  let lock: OutputLock | undefined;
  let path: string;
  try {
    do {
      path = join(place, `${prefix}${randomBytes(6).toString("hex")}`);
      lock = tryLock(`${path}.lock`).lock; // before the folder: who finds a folder without an owner removes it
    } while (!lock);
    await removeAbandoned(place, prefix, path); // first, so that a run which is killed at once has done it too
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    lock?.release();
    throw temporaryFolderError(error, place);
  }
  const held = lock;
  return {
    path,
    async remove() {
      try {
        await rm(path, { recursive: true, force: true, maxRetries: 3 });
      } finally {
        held.release();
      }
    },
  };
}

/** Nothing depends on it: what cannot be removed stays, such as another user's. */
async function removeAbandoned(place: string, prefix: string, own: string): Promise<void> {
  const names = await readdir(place).catch(() => []);
  const stems = new Set<string>();
  for (const name of names) {
    const [, random] = name.startsWith(prefix)
      ? (/^([0-9a-f]{12})(\.lock(\.owner)?)?$/.exec(name.slice(prefix.length)) ?? [])
      : [];
    if (random !== undefined) stems.add(join(place, `${prefix}${random}`));
  }
  stems.delete(own);
  if (stems.size === 0) return;
  const { uid } = await lstat(`${own}.lock`).catch(() => lstat(`${own}.lock.owner`)); // of the lock that was just made
  for (const stem of stems) {
    try {
      const found = await lstat(stem).catch(() => undefined);
      if (found && found.uid !== uid) continue;
      const { lock } = tryLock(`${stem}.lock`);
      if (!lock) continue; // its owner lives
      try {
        await rm(stem, { recursive: true, force: true });
      } finally {
        lock.release();
      }
    } catch {}
  }
}
