// The cache in use: which of its slots are free, and which hold sequences that have ended. Those are kept while nobody needs
// their place, because a later prompt may begin with the same tokens: the next message of a conversation, the same examples
// before another question.

import type { Decoder } from "../../nn/decoder.js";
import type { CacheSize } from "../../nn/memory/memoryBudget.js";
import type { Cache } from "../../nn/ops/specs.js";
import { inCommon, type Reading } from "./reading.js";

export class Slots {
  readonly #decoder: Decoder;
  #cache: Cache | undefined;
  #size: CacheSize = { slots: 0, tokens: 0 };
  #free: number[] = [];
  /** The one that was of use last is last. */
  #kept: Reading[] = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get size(): CacheSize {
    return this.#size;
  }

  /** Slots that can be taken. */
  get available(): number {
    return this.#free.length + this.#kept.length;
  }

  get kept(): readonly Reading[] {
    return this.#kept;
  }

  /** The cache; there is one whenever a slot is taken. */
  get cache(): Cache {
    return this.#cache as Cache;
  }

  /** Makes a cache in place of the one before, of which nothing is in work. */
  make(size: CacheSize): void {
    this.drop();
    this.#cache = this.#decoder.createCache(size);
    this.#size = size;
    this.#free = Array.from({ length: size.slots }, (_, i) => size.slots - 1 - i);
  }

  /** Frees the cache with all that it holds. */
  drop(): void {
    this.#cache?.dispose();
    this.#cache = undefined;
    this.#size = { slots: 0, tokens: 0 };
    this.#free = [];
    this.#kept = [];
  }

  /** Takes a slot, which is empty; one must be available. */
  take(): number {
    if (this.#free.length === 0) this.#forget(this.#kept[0] as Reading);
    return this.#free.pop() as number;
  }

  release(slot: number): void {
    this.cache.release(slot);
    this.#free.push(slot);
  }

  /** Gives a slot back, but keeps what it holds until the place is needed. */
  keep(reading: Reading): void {
    const { slot, variant, done } = reading;
    const ids = Int32Array.from({ length: done }, (_, position) => reading.at(position));
    const kept: Reading = { slot, variant, done, length: done, at: (position) => ids[position] as number };
    // What is the beginning of it is of no more use.
    for (const other of this.#kept) {
      if (other.variant === variant && other.done <= done && inCommon(other, kept, other.done) === other.done) {
        this.#forget(other);
      }
    }
    this.#kept.push(kept);
  }

  /** One that is kept was of use: others are forgotten before it. */
  touch(kept: Reading): void {
    if (!this.#kept.includes(kept)) return;
    this.#kept = [...this.#kept.filter((other) => other !== kept), kept];
  }

  /** Takes the slot of one that is kept, with all that it holds. */
  adopt(kept: Reading): number {
    this.#kept = this.#kept.filter((other) => other !== kept);
    return kept.slot;
  }

  /** Forgets sequences that were kept until they hold no more than so many tokens. */
  trim(tokens: number): void {
    let held = this.#kept.reduce((sum, { done }) => sum + done, 0);
    for (let oldest = this.#kept[0]; oldest && held > tokens; oldest = this.#kept[0]) {
      this.#forget(oldest);
      held -= oldest.done;
    }
  }

  /** Forgets what was kept of a variant. */
  forget(variant: number): void {
    for (const kept of this.#kept) if (kept.variant === variant) this.#forget(kept);
  }

  #forget(kept: Reading): void {
    this.#kept = this.#kept.filter((other) => other !== kept);
    this.release(kept.slot);
  }
}
