// Gathers the rows of one step: the token of every sequence that is being continued, and pieces of those being read.

import type { Rows } from "../../nn/ops/specs.js";
import type { Reading } from "./reading.js";

/** Rows of one sequence in a step; `wanted` of them, the last ones, give logits. */
export interface Part {
  readonly reading: Reading;
  readonly rows: number;
  /** Index of its first row that gives logits, among the logits of the step. */
  readonly firstWanted: number;
  readonly wanted: number;
}

/** Fixed buffers that each step fills anew; only as long as the step's rows are they handed out. */
export class StepRows {
  /** Rows of a step, at most. */
  readonly most: number;
  readonly #ids: Int32Array;
  readonly #positions: Int32Array;
  readonly #slots: Int32Array;
  readonly #variants: Int32Array;
  readonly #contexts: Int32Array;
  readonly #wanted: Int32Array;
  readonly #tellContexts: boolean;
  #parts: Part[] = [];
  #count = 0;
  #wantedCount = 0;

  /**
   * @param tellContexts Whether the model turns long contexts otherwise (long rope), so that rows say theirs.
   */
  constructor(most: number, tellContexts: boolean) {
    this.most = most;
    this.#ids = new Int32Array(most);
    this.#positions = new Int32Array(most);
    this.#slots = new Int32Array(most);
    this.#variants = new Int32Array(most);
    this.#contexts = new Int32Array(most);
    this.#wanted = new Int32Array(most);
    this.#tellContexts = tellContexts;
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  get rows(): Rows {
    const count = this.#count;
    return {
      ids: this.#ids.subarray(0, count),
      positions: this.#positions.subarray(0, count),
      slots: this.#slots.subarray(0, count),
      variants: this.#variants.subarray(0, count),
      ...(this.#tellContexts && { contexts: this.#contexts.subarray(0, count) }),
    };
  }

  get wanted(): Int32Array {
    return this.#wanted.subarray(0, this.#wantedCount);
  }

  get count(): number {
    return this.#count;
  }

  get wantedCount(): number {
    return this.#wantedCount;
  }

  clear(): void {
    this.#parts = [];
    this.#count = 0;
    this.#wantedCount = 0;
  }

  /** Adds the next `rows` tokens of a sequence; logits come of the last `wanted` of them. */
  add(reading: Reading, rows: number, wanted: number): void {
    for (let i = 0; i < rows; i++) {
      const at = this.#count + i;
      const position = reading.done + i;
      this.#ids[at] = reading.at(position);
      this.#positions[at] = position;
      this.#slots[at] = reading.slot;
      this.#variants[at] = reading.variant;
      this.#contexts[at] = reading.length;
    }
    this.#count += rows;
    this.#parts.push({ reading, rows, firstWanted: this.#wantedCount, wanted });
    for (let i = wanted; i > 0; i--) this.#wanted[this.#wantedCount++] = this.#count - i;
  }
}
