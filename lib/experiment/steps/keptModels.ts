// Models that stay open between the steps of a run. An adaptive run asks each merge block by block, and opening a small one takes
// longer than a block's answers.

import { availableMemory } from "../../nn/memory/machineMemory.js";
import type { OpenMerge } from "../candidates/openVirtual.js";

/** Open at once; the one that was used longest ago is closed for a further one. */
const MOST = 16;

/** A model whose files are a larger part of the memory that is free is closed after each step: others need the room. */
const LARGEST_SHARE = 1 / (2 * MOST);

interface Kept extends OpenMerge {
  readonly opened: AsyncGenerator<OpenMerge, void, void>;
}

export class KeptModels {
  /** From the one that was used longest ago to the last one. */
  readonly #kept = new Map<string, Kept>();

  /**
   * A merge that is open already, or opens it for as long as there is room.
   * @param key of all that decides the model
   * @param bytes of one lambda of it
   * @param open with all lambdas that may be asked
   * @param once opens it with those alone that are asked now, part after part
   */
  async *use(
    key: string,
    bytes: number,
    { open, once }: Readonly<Record<"open" | "once", () => AsyncGenerator<OpenMerge, void, void>>>,
  ): AsyncGenerator<OpenMerge, void, void> {
    const kept = this.#kept.get(key) ?? (await this.#keep(key, bytes, open));
    if (!kept) {
      yield* once();
      return;
    }
    this.#kept.delete(key);
    let ended = false;
    try {
      yield kept;
      ended = true;
    } finally {
      // after a failure nobody knows what the model is like
      if (ended) this.#kept.set(key, kept);
      else await kept.opened.return();
    }
  }

  async close(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    for (const { opened } of all) await opened.return();
  }

  async #keep(
    key: string,
    bytes: number,
    open: () => AsyncGenerator<OpenMerge, void, void>,
  ): Promise<Kept | undefined> {
    if (bytes > LARGEST_SHARE * availableMemory()) return undefined;
    if (this.#kept.size >= MOST) {
      const [oldest, { opened }] = this.#kept.entries().next().value as [string, Kept];
      this.#kept.delete(oldest);
      await opened.return();
    }
    const opened = open();
    const { value, done } = await opened.next();
    if (done) throw new Error(`nothing was opened for ${key}`);
    return { ...value, opened };
  }
}
