// Gives a folder that is whole the name of an output.

import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ioError } from "../files/ioError.js";
import { syncFolder } from "../files/syncFolder.js";
import { outputState } from "./outputState.js";
import { swapFolders } from "./swapFolders.js";

/**
 * One rename where the name is free or an empty folder's; else the two change places in one step, or in two between which the
 * next run gives the old one back, and the old one is removed. The name is on the disk afterwards; where the system cannot
 * say so, everything has the name that it had.
 * @param aside a free name beside it, where the next run looks for an old output
 * @throws RetemperError IO, NO_SPACE
 */
export async function publishFolder(staged: string, out: string, aside: string): Promise<void> {
  try {
    const isReplaced = (await outputState(out)) === "exists";
    if (isReplaced) await swapFolders(staged, out, aside);
    else await rename(staged, out);
    await syncFolder(dirname(out)).catch(async (error) => {
      // The name may not be on the disk: before anything of the old output is removed, it has its name again.
      await (isReplaced ? swapFolders(aside, out, staged) : rename(out, staged)).catch(() => {});
      throw error;
    });
    if (isReplaced) await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    throw ioError(error, out, "cannot give the finished output its name");
  }
}
