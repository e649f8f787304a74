// Many processes work on one folder, on one machine or on several: each takes steps that nobody has, tells by its heartbeat that it
// lives, and takes over what a dead one had. Nothing depends on this being perfect: steps are named by what they are made from and
// are recorded once, so that two that did the same step cost time and change nothing.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import type { Partition } from "../../output/partition.js";
import { claimPath, makeClaim, removeClaim, takeOver } from "./claimFile.js";
import { enterShared } from "./enterShared.js";
import { Heart } from "./heart.js";
import { HeartWatch, RHYTHM, type Rhythm } from "./heartWatch.js";
import { inOrderOfShare } from "./inOrderOfShare.js";
import type { LookOptions } from "./livingWorker.js";
import { removeDead } from "./removeDead.js";
import { type FoundRecord, newRecord, readRecord, textOfRecord, type WorkerRecord } from "./workerRecord.js";
import type { Claim, Shared, Workers } from "./workers.js";

export interface JoinOptions extends LookOptions {
  /** Digest of the experiment's settings. */
  readonly experiment: string;
}

/** Milliseconds between two looks at what others have: the first, and the most. */
const [SOONEST, LATEST] = [50, 2000];

/** Milliseconds after which it is worth looking again whatever was seen. */
const ANYWAY = 30_000;

/**
 * Joins those that work on the experiment of a folder.
 * @param partition which share of the steps to try first: a preference, since each does what is left
 * @throws RetemperError OUTPUT_EXISTS while a run has the folder to itself, or others work on another experiment there; IO, NO_SPACE
 */
export async function joinWorkers(
  out: string,
  partition: Partition,
  { experiment, ...options }: JoinOptions,
): Promise<Workers> {
  const record = newRecord(experiment, `${partition.index}/${partition.count}`);
  const enter = () => enterShared(out, record, options);
  const workers = new SharedWorkers(out, record, partition, { rhythm: options.rhythm ?? RHYTHM, enter });
  try {
    await makeFolder(join(out, "steps"));
    await workers.begin();
  } catch (error) {
    throw ioError(error, out, "cannot write there");
  }
  try {
    await enter();
  } catch (error) {
    await workers.close();
    throw error;
  }
  return workers;
}

interface OwnClaim {
  readonly path: string;
  readonly lost: AbortController;
}

class SharedWorkers implements Workers {
  readonly id: string;
  readonly #out: string;
  readonly #head: string;
  readonly #partition: Partition;
  readonly #rhythm: Rhythm;
  readonly #heart: Heart;
  readonly #watch: HeartWatch;
  readonly #own = new Map<string, OwnClaim>();
  /** Claims that others had when they were wanted: of whom. */
  readonly #refused = new Map<string, string>();
  readonly #enter: () => Promise<void>;
  /** Why this worker may not go on in this folder. */
  #refusal: unknown;

  constructor(
    out: string,
    record: WorkerRecord,
    partition: Partition,
    { rhythm, enter }: { readonly rhythm: Rhythm; readonly enter: () => Promise<void> },
  ) {
    this.id = record.id;
    this.#out = out;
    this.#head = textOfRecord(record, 0).head;
    this.#partition = partition;
    this.#rhythm = rhythm;
    this.#enter = enter;
    this.#heart = new Heart(out, record);
    this.#watch = new HeartWatch(out, rhythm);
  }

  begin(): Promise<void> {
    return this.#heart.begin(this.#rhythm.beat, (removed) => this.#lookAfterClaims(removed));
  }

  order<T extends Shared>(steps: readonly T[]): readonly T[] {
    return inOrderOfShare(steps, this.#partition);
  }

  async claim(key: string): Promise<Claim | undefined> {
    const path = claimPath(this.#out, key);
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#own.has(key)) throw new Error(`step ${key} is claimed already by this process`);
    for (let made = await this.#make(path); !made; made = await this.#make(path)) {
      const found = await readRecord(path);
      if (!found) continue; // given back meanwhile
      const { head } = found;
      if (head === this.#head) break; // moved away by mistake, missed, and put back since
      const isGone = async (one: FoundRecord) => (await this.#watch.look(one)) === "gone";
      if ((await isGone(found)) && (await takeOver(this.#out, this.id, { path, head, own: this.#head }, isGone))) break;
      this.#refused.set(path, head);
      return undefined;
    }
    this.#refused.delete(path);
    const claim: OwnClaim = { path, lost: new AbortController() };
    this.#own.set(key, claim);
    return {
      lost: claim.lost.signal,
      release: async () => {
        if (this.#own.get(key) !== claim) return;
        this.#own.delete(key);
        await removeClaim(this.#out, path, this.#head);
      },
    };
  }

  async #make(path: string): Promise<boolean> {
    try {
      return await makeClaim(this.#out, this.id, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw ioError(error, path, "cannot claim a step");
    }
    await this.#heart.beat(); // writes the record again, which one that took this process for dead has removed
    if (this.#refusal !== undefined) throw this.#refusal;
    return makeClaim(this.#out, this.id, path);
  }

  async settled(signal?: AbortSignal): Promise<void> {
    const began = performance.now();
    const refused = [...this.#refused];
    this.#refused.clear();
    for (let pause = SOONEST; performance.now() - began < ANYWAY; pause = Math.min(pause * 1.5, LATEST)) {
      signal?.throwIfAborted();
      await sleep(Math.min(pause, this.#rhythm.beat), undefined, signal && { signal }).catch(() => {});
      signal?.throwIfAborted();
      if (refused.length === 0) return;
      for (const [path, head] of refused) {
        const found = await readRecord(path);
        if (found?.head !== head || (await this.#watch.look(found)) === "gone") return;
      }
    }
  }

  async close(): Promise<void> {
    for (const [key, { path }] of [...this.#own]) {
      this.#own.delete(key);
      await removeClaim(this.#out, path, this.#head);
    }
    await removeDead(this.#out).catch(() => {}); // nothing depends on it
    await this.#heart.stop();
  }

  /** This process may have been stopped for so long that others took it for dead. */
  async #lookAfterClaims(removed: boolean): Promise<void> {
    // Its place may be another's by now.
    if (removed) await this.#enter().catch((error: unknown) => (this.#refusal = error));
    for (const [key, { path, lost }] of [...this.#own]) {
      const found = await readRecord(path);
      if (found?.head === this.#head || !this.#own.has(key)) continue;
      this.#own.delete(key);
      lost.abort(new Error("another process has taken this step over, because this one did not move for long"));
    }
  }
}
