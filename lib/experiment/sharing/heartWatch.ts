// Whether another worker lives. Its process is looked for where that is possible, on this machine; else its heartbeat must change.
// No clock of two machines is compared: how long a heartbeat has not changed is measured by who looks.

import { isCertainlyGone } from "./processId.js";
import { type FoundRecord, readRecord, recordPath } from "./workerRecord.js";

export interface Rhythm {
  /** Milliseconds between two heartbeats. */
  readonly beat: number;
  /** Milliseconds without a change after which a worker counts as dead. */
  readonly deadAfter: number;
}

/** A worker that writes much, or a server that answers late, misses some beats; a minute of a lost machine costs little. */
export const RHYTHM: Rhythm = { beat: 5000, deadAfter: 60_000 };

interface Seen {
  beat: string;
  /** Milliseconds of this process's monotonic clock. */
  lookedAt: number;
  /** Milliseconds that the beat was seen not to change. */
  quiet: number;
}

export class HeartWatch {
  readonly #out: string;
  readonly #rhythm: Rhythm;
  readonly #seen = new Map<string, Seen>();

  constructor(out: string, rhythm: Rhythm) {
    this.#out = out;
    this.#rhythm = rhythm;
  }

  /**
   * "gone" for certain or as far as one can tell; "changed" since the last look; "quiet" where nothing is known yet, or not for
   * long enough.
   * @param found a record, or a claim
   */
  async look(found: FoundRecord): Promise<"gone" | "changed" | "quiet"> {
    const { record } = found;
    if (record && isCertainlyGone(record)) return "gone";
    const now = performance.now(); // before reading: what is read then is not older
    const { beat } = (record && (await readRecord(recordPath(this.#out, record.id)))) ?? found;
    const seen = this.#seen.get(found.head);
    if (seen?.beat !== beat) {
      this.#seen.set(found.head, { beat, lookedAt: now, quiet: 0 });
      return seen === undefined ? "quiet" : "changed";
    }
    // A process that was stopped itself has seen nothing meanwhile: between two looks no more than a beat counts.
    seen.quiet += Math.min(now - seen.lookedAt, this.#rhythm.beat);
    seen.lookedAt = now;
    return seen.quiet >= this.#rhythm.deadAfter ? "gone" : "quiet";
  }
}
