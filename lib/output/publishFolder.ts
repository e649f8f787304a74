// Gives a folder that is whole the name of an output.

import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ioError } from "../files/ioError.js";
import { syncFolder } from "../files/syncFolder.js";
import { outputState } from "./outputState.js";
import { swapFolders } from "./swapFolders.js";

/**
 * One rename where the name is free or an empty folder's; else the two change places in one step, or in two between which the
 * next run gives the old one back, and the old one is removed. The name is on the disk afterwards.
 * @param aside a free name beside it, where the next run looks for an old output
 * @throws RetemperError IO, NO_SPACE
 */
export async function publishFolder(staged: string, out: string, aside: string): Promise<void> {
  try {
    const isReplaced = (await outputState(out)) === "exists";
    if (isReplaced) await swapFolders(staged, out, aside);
    else await rename(staged, out);
    await syncFolder(dirname(out));
    if (isReplaced) await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    throw ioError(error, out, "cannot give the finished output its name");
  }
}
