// Puts a finished folder in the place of another: at every moment one of the two has the name.

import { rename } from "node:fs/promises";
import { loadAddon } from "../addon/load.js";

/**
 * The old folder is at `aside` afterwards, which must be free. One step where the file system can swap two names; else two,
 * between which nothing has the name: where the next run finds that, it gives `aside` its name back.
 * @throws what the file system throws; then the old folder has its name
 */
export async function swapFolders(fresh: string, out: string, aside: string): Promise<void> {
  try {
    loadAddon().exchange(fresh, out);
  } catch {
    await rename(out, aside);
    await rename(fresh, out).catch(async (error) => {
      await rename(aside, out);
      throw error;
    });
    return;
  }
  await rename(fresh, aside);
}
