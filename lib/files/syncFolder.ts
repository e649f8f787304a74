// Makes names outlast a loss of power: a rename is on the disk once its folder is.

import { open } from "node:fs/promises";

/** @throws NodeJS.ErrnoException */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
