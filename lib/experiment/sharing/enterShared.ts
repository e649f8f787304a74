// Whether a worker may work in a folder: not while a run has it to itself, and not together with those of another experiment.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RetemperError } from "../../errors.js";
import { describeHolder } from "../../output/lockHolder.js";
import { LOCK_FILE } from "../../output/lockInside.js";
import { tryLock } from "../../output/tryLock.js";
import { type LookOptions, livingWorker } from "./livingWorker.js";
import type { WorkerRecord } from "./workerRecord.js";

/** How often the same holder is met before it counts as one that stays: other workers hold the lock for a moment as they come. */
const TRIES = 5;

/**
 * @param own its record, which is in the folder already: whoever comes at the same moment sees it, or is seen
 * @throws RetemperError OUTPUT_EXISTS; IO
 */
export async function enterShared(out: string, own: WorkerRecord, options: LookOptions): Promise<void> {
  await refuseBesideSole(out);
  const other = await livingWorker(out, options, (one) => one.id !== own.id && one.experiment !== own.experiment);
  if (other === undefined) return;
  throw new RetemperError("OUTPUT_EXISTS", `runs of another experiment share ${out} (${describeHolder(other)})`, {
    file: out,
    hint: "runs that share a folder are given the same experiment and the same options: wait until the others have ended, or choose another --out",
  });
}

async function refuseBesideSole(out: string): Promise<void> {
  let who = "";
  for (let same = 0; ; ) {
    const attempt = tryLock(join(out, LOCK_FILE));
    if (attempt.lock) return attempt.lock.release();
    const { holder, file } = attempt;
    const met = holder === undefined ? "" : ` (${describeHolder(holder)})`;
    same = met === who ? same + 1 : 1;
    who = met;
    if (same === TRIES) {
      const left = file.endsWith(LOCK_FILE) ? "" : `; if no run is left, remove ${file}`;
      throw new RetemperError("OUTPUT_EXISTS", `a run that shares with nobody is writing ${out}${who}`, {
        file: out,
        hint: `wait until it has ended, or choose another --out${left}; to share the folder, start every run of it with --partition`,
      });
    }
    await sleep(20 + 40 * Math.random());
  }
}
