// Rows as the model learns them, and as the rows of a step.

import type { EncodedConversation } from "../../evaluate/data/encodeConversation.js";
import type { Rows } from "../../nn/ops/specs.js";

/** Ids, with for each whether the model learns to say it. */
export type Example = EncodedConversation;

/** What one micro-batch is computed on. */
export interface Batch {
  /** No padding: each example is a sequence of its own. */
  readonly rows: Rows;
  /** Rows whose next token is learned, and those tokens. */
  readonly wanted: Int32Array;
  readonly targets: Int32Array;
}

/** Examples one after the other, each from position 0. The first id of an example has nothing before it: it is not learned. */
export function batchOf(examples: readonly Example[]): Batch {
  const count = examples.reduce((sum, { ids }) => sum + ids.length, 0);
  const rows: Rows = {
    ids: new Int32Array(count),
    positions: new Int32Array(count),
    slots: new Int32Array(count),
    variants: new Int32Array(count),
  };
  const wanted: number[] = [];
  const targets: number[] = [];
  let at = 0;
  examples.forEach(({ ids, learned }, slot) => {
    ids.forEach((id, position) => {
      rows.ids[at] = id;
      rows.positions[at] = position;
      rows.slots[at] = slot;
      if (position + 1 < ids.length && learned[position + 1]) {
        wanted.push(at);
        targets.push(ids[position + 1] as number);
      }
      at += 1;
    });
  });
  return { rows, wanted: Int32Array.from(wanted), targets: Int32Array.from(targets) };
}

/** Whole examples together in their order, as many as there is room for, at least one. @param most tokens */
export function inBatches(examples: readonly Example[], most: number): Example[][] {
  const batches: Example[][] = [];
  let tokens = Number.POSITIVE_INFINITY;
  for (const example of examples) {
    if (tokens + example.ids.length > most) {
      batches.push([]);
      tokens = 0;
    }
    batches.at(-1)?.push(example);
    tokens += example.ids.length;
  }
  return batches;
}

/** Tokens of an example that are learned. */
export function answerTokens({ learned }: Example): number {
  return learned.reduce((sum, is, i) => sum + (is && i > 0 ? 1 : 0), 0);
}
