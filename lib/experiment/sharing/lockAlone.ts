// The folder of a run that shares it with nobody.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import type { OutputLock } from "../../output/lockAttempt.js";
import { describeHolder } from "../../output/lockHolder.js";
import { lockInside } from "../../output/lockInside.js";
import { isClaim } from "./claimFile.js";
import { type LookOptions, livingWorker } from "./livingWorker.js";
import { WORKERS_FOLDER } from "./workerRecord.js";

/**
 * Makes the folder, takes its lock, and removes what dead workers left that had shared it.
 * @throws RetemperError OUTPUT_EXISTS while another run has it, or others share it; IO, NO_SPACE
 */
export async function lockAlone(out: string, options: LookOptions = {}): Promise<OutputLock> {
  const lock = await lockInside(out, "to share the folder, start every run of it with --partition");
  try {
    const other = await livingWorker(out, options, () => true);
    if (other) {
      throw new RetemperError("OUTPUT_EXISTS", `other runs share ${out} (${describeHolder(other)})`, {
        file: out,
        hint: "start this one with --partition too, wait until they have ended, or choose another --out",
      });
    }
    await rm(join(out, WORKERS_FOLDER), { recursive: true, force: true });
    const steps = join(out, "steps");
    for (const name of await readdir(steps).catch(() => [])) {
      if (isClaim(name)) await rm(join(steps, name), { force: true });
    }
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}
