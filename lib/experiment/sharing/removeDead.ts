// What killed workers left in a shared folder: their records, and claims of steps that they had just recorded.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isClaim, removeClaim } from "./claimFile.js";
import { isCertainlyGone } from "./processId.js";
import { readRecord, WORKERS_FOLDER } from "./workerRecord.js";

/**
 * Removes what is certainly of nobody; of other machines nothing is certain: a run that has the folder to itself removes that.
 * @throws what the file system throws
 */
export async function removeDead(out: string): Promise<void> {
  const steps = join(out, "steps");
  for (const name of (await readdir(steps)).filter(isClaim)) {
    const path = join(steps, name);
    const found = await readRecord(path);
    if (found?.record && isCertainlyGone(found.record)) await removeClaim(out, path, found.head);
  }
  const folder = join(out, WORKERS_FOLDER);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await readRecord(path);
    if (found?.record && isCertainlyGone(found.record)) await rm(path, { force: true });
  }
}
