// Makes names outlast a loss of power: a rename is on the disk once its folder is.

import { open } from "node:fs/promises";
import { ioError } from "./ioError.js";

/** @throws RetemperError IO, NO_SPACE */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw ioError(error, path, "the folder's entries may not be on the disk");
  }
}
