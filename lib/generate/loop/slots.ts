// The cache in use, and which of its slots are free.

import type { Decoder } from "../decoder.js";
import type { CacheSize } from "../memory/memoryBudget.js";
import type { Cache } from "../ops/specs.js";

export class Slots {
  readonly #decoder: Decoder;
  #cache: Cache | undefined;
  #size: CacheSize = { slots: 0, tokens: 0 };
  #free: number[] = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get size(): CacheSize {
    return this.#size;
  }

  get free(): number {
    return this.#free.length;
  }

  /** The cache; there is one whenever a slot is taken. */
  get cache(): Cache {
    return this.#cache as Cache;
  }

  /** Makes a cache in place of the one before, which must be empty. */
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
  }

  /** Takes a free slot; there must be one. */
  take(): number {
    return this.#free.pop() as number;
  }

  release(slot: number): void {
    this.cache.release(slot);
    this.#free.push(slot);
  }
}
