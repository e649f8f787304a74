// Whether one of the workers of a folder lives. Their records that are of certainly dead ones are removed on the way.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HeartWatch, RHYTHM, type Rhythm } from "./heartWatch.js";
import { isHere } from "./processId.js";
import { readRecord, WORKERS_FOLDER, type WorkerRecord } from "./workerRecord.js";

export interface LookOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once where only time can show whether a process of another machine lives. */
  readonly onWait?: ((text: string) => void) | undefined;
  readonly rhythm?: Rhythm | undefined;
}

/**
 * One of this machine is known at once; of another one it must be seen that its heartbeat changes, or that it does not.
 * @param asked whose life matters
 * @returns one that lives
 * @throws the signal's reason; what the file system throws
 */
export async function livingWorker(
  out: string,
  { signal, onWait, rhythm = RHYTHM }: LookOptions,
  asked: (record: WorkerRecord) => boolean,
): Promise<WorkerRecord | undefined> {
  const watch = new HeartWatch(out, rhythm);
  const folder = join(out, WORKERS_FOLDER);
  const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith("."));
  let open = new Set(names.map((name) => join(folder, name)));
  for (let round = 0; open.size > 0; round++) {
    signal?.throwIfAborted();
    const quiet = new Set<string>();
    for (const path of open) {
      const found = await readRecord(path);
      if (found === undefined || (found.record && !asked(found.record))) continue;
      const sign = await watch.look(found);
      if (sign === "gone") await rm(path, { force: true });
      else if (found.record && (sign === "changed" || isHere(found.record))) return found.record;
      else quiet.add(path);
    }
    open = quiet;
    if (open.size === 0) break;
    if (round === 0) onWait?.(waitingText(out, open.size, rhythm));
    await sleep(rhythm.beat / 2, undefined, signal && { signal }).catch(() => {});
  }
  return undefined;
}

function waitingText(out: string, count: number, { deadAfter }: Rhythm): string {
  const who = count === 1 ? "a process of another machine" : `${count} processes of other machines`;
  return `${who} shared ${out}: waiting up to ${Math.ceil(deadAfter / 1000)} s to see whether it lives`;
}
