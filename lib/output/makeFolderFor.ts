// Folders that an output needs, and the way back where nothing came into them.

import { rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";

export interface MadeFolder {
  /** Removes the folders that were made, as far as they are empty. Never fails. */
  removeEmpty(): Promise<void>;
}

/**
 * Makes a folder, and those above it.
 * @param out what it is made for, for messages
 * @throws RetemperError IO, NO_SPACE
 */
export async function makeFolderFor(out: string, folder: string): Promise<MadeFolder> {
  let made: string | undefined;
  try {
    made = await makeFolder(folder);
  } catch (error) {
    throw ioError(error, out, `cannot make the folder ${folder}`);
  }
  return {
    async removeEmpty() {
      if (made === undefined) return;
      for (let path = folder; path.length >= made.length; path = dirname(path)) {
        try {
          await rmdir(path);
        } catch {
          return;
        }
      }
    },
  };
}
