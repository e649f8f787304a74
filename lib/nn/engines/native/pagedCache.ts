// The native engine's cache: pages of keys and values in the addon's memory, which forks of a sequence share.

import type { NativeCache } from "../../../addon/nativeRuntime.js";
import { RetemperError } from "../../../errors.js";
import type { Cache } from "../../ops/specs.js";
import { calling } from "./calling.js";

/** A cache that is this engine's. */
export function paged(cache: Cache): PagedCache {
  if (cache instanceof PagedCache) return cache;
  throw new RetemperError("INTERNAL", "native attention was given the cache of another engine");
}

export class PagedCache implements Cache {
  readonly #native: NativeCache;

  constructor(native: NativeCache) {
    this.#native = native;
  }

  /** The addon's number for it. */
  get id(): number {
    return this.#native.id;
  }

  get bytes(): number {
    return this.#native.bytes;
  }

  /** @throws RetemperError OUT_OF_MEMORY when no page is left for the part of the last one that cannot be shared */
  fork(from: number, to: number, length: number): void {
    calling(() => this.#native.fork(from, to, length));
  }

  release(slot: number): void {
    calling(() => this.#native.release(slot));
  }

  dispose(): void {
    this.#native.dispose();
  }
}
