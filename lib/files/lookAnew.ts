// What another machine has just made in a folder on a file server.

import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Makes a client of NFS ask its server what is in a folder, by making a file there and removing it. By itself it goes by what it last
 * heard, for up to a minute: also that a name is not there, and which names there are. Never fails: nothing but time depends on it.
 */
export async function lookAnew(folder: string): Promise<void> {
  const file = join(folder, `.look-${randomBytes(6).toString("hex")}`);
  try {
    await writeFile(file, "", { flag: "wx" });
  } catch {
    return; // there is no such folder yet, or nothing can be made in it
  }
  await rm(file, { force: true }).catch(() => undefined);
}
