// Whether there is room for another prompt, and when a larger cache takes the place of one that has become too small.

import type { CacheShare, MemoryBudget } from "../../nn/memory/memoryBudget.js";
import type { Slots } from "./slots.js";

/** Waiting for the cache to be empty is worth it where it can be made so many times as large then. */
const WORTH_DRAINING = 1.25;

/** What is in work, and what waits. */
export interface Load {
  /** Samples that run or will, of all prompts that were begun. */
  readonly expected: number;
  /** Tokens of the cache that are set aside for them. */
  readonly reserved: number;
  /** Whether nothing in work is in the cache. */
  readonly empty: boolean;
  /** Of the jobs that have prompts to begin. */
  readonly waiting: readonly CacheShare[];
}

export class AdmissionControl {
  readonly #budget: MemoryBudget;
  readonly #slots: Slots;
  /** No prompt begins until the cache is empty, so that a larger one can take its place. */
  #draining = false;

  constructor(budget: MemoryBudget, slots: Slots) {
    this.#budget = budget;
    this.#slots = slots;
  }

  /** Whether a prompt that needs so many tokens can begin; makes the cache, or a larger one while it is empty. */
  admits(needed: number, { expected, reserved, empty, waiting }: Load): boolean {
    if (empty) {
      if (this.#outgrown(waiting, 1)) this.#slots.make(this.#budget.size(waiting));
      this.#draining = false;
    }
    const { slots, tokens } = this.#slots.size;
    const fits = expected < slots - 1 && this.#slots.available > 0 && reserved + needed <= tokens;
    this.#draining ||= !fits && this.#outgrown(waiting, WORTH_DRAINING);
    return fits && !this.#draining;
  }

  #outgrown(waiting: readonly CacheShare[], factor: number): boolean {
    const wanted = this.#budget.size(waiting);
    return wanted.slots > this.#slots.size.slots || wanted.tokens > factor * this.#slots.size.tokens;
  }
}
