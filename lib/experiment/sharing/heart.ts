// A worker's own record in the shared folder, and its heartbeat.

import { mkdir, open, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../files/makeFolder.js";
import { recordPath, textOfRecord, WORKERS_FOLDER, type WorkerRecord } from "./workerRecord.js";

export class Heart {
  readonly #out: string;
  readonly #record: WorkerRecord;
  readonly #path: string;
  #beats = 0;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #onBeat: (removed: boolean) => Promise<void> = async () => {};

  constructor(out: string, record: WorkerRecord) {
    this.#out = out;
    this.#record = record;
    this.#path = recordPath(out, record.id);
  }

  /**
   * Writes the record and begins to beat. It keeps no process alive.
   * @param pause milliseconds between beats
   * @param onBeat what to look after at each beat; told whether the record had been removed, by one that took this process for dead
   * @throws RetemperError, or what the file system throws, where the record cannot be written
   */
  async begin(pause: number, onBeat: (removed: boolean) => Promise<void>): Promise<void> {
    await makeFolder(join(this.#out, WORKERS_FOLDER));
    await this.#write();
    this.#onBeat = onBeat;
    let busy = false;
    this.#timer = setInterval(() => {
      if (busy) return; // a server that is slow to answer
      busy = true;
      this.#beating = this.beat()
        .catch(() => {}) // a server that is away: the next beat tries again, and others see none meanwhile
        .finally(() => {
          busy = false;
        });
    }, pause).unref();
  }

  /** Beats once, now. @throws what the file system throws */
  async beat(): Promise<void> {
    await this.#onBeat(await this.#beatOnce());
  }

  /** Stops, and removes the record; the folder of the records too if it was the last one. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await rm(this.#path, { force: true });
    await rmdir(join(this.#out, WORKERS_FOLDER)).catch(() => {}); // others are there
  }

  /** Over the beat before, in the same file, of which claims are further names. */
  async #beatOnce(): Promise<boolean> {
    this.#beats += 1;
    const { head, tail } = textOfRecord(this.#record, this.#beats);
    try {
      const file = await open(this.#path, "r+");
      try {
        await file.write(tail, Buffer.byteLength(head));
      } finally {
        await file.close(); // what reaches a server is what others see
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await this.#write();
      return true;
    }
    return false;
  }

  async #write(): Promise<void> {
    const { head, tail } = textOfRecord(this.#record, this.#beats);
    for (let tries = 0; ; tries++) {
      try {
        return await writeFile(this.#path, head + tail);
      } catch (error) {
        // the last of others has removed the folder meanwhile
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries === 10) throw error;
        await mkdir(join(this.#out, WORKERS_FOLDER), { recursive: true });
      }
    }
  }
}
