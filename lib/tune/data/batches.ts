// In which order rows are learned: batches of an epoch, steps of several micro-batches.

import { DRAW, permutation, uniforms } from "../training/random.js";

export interface Order {
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
  /** Puts rows of like length in a batch where they are shuffled. */
  readonly groupByLength: boolean;
  readonly seed: number;
}

/** Batches among which rows of like length are put together. */
const WINDOW = 50;

/** Steps of one epoch: the last may have fewer micro-batches, and its last micro-batch fewer rows. */
export function stepsOfEpoch(rows: number, { batchSize, accumulate }: Pick<Order, "batchSize" | "accumulate">): number {
  return Math.ceil(Math.ceil(rows / batchSize) / accumulate);
}

/** For each step of an epoch its micro-batches, as indices of rows. */
export function epochSteps(lengths: readonly number[], order: Order, epoch: number): number[][][] {
  const { batchSize, accumulate, shuffle } = order;
  const rows = shuffle ? shuffled(lengths, order, epoch) : lengths.map((_, i) => i);
  const batches = chunks(rows, batchSize);
  if (shuffle) inPlace(batches, uniforms(order.seed, DRAW.shuffle, epoch, 1));
  return chunks(batches, accumulate);
}

/** A random order; with groupByLength, one in which the rows of a batch are about equally long. */
function shuffled(lengths: readonly number[], { batchSize, groupByLength, seed }: Order, epoch: number): number[] {
  const order = permutation(lengths.length, uniforms(seed, DRAW.shuffle, epoch, 0));
  if (!groupByLength) return order;
  return chunks(order, batchSize * WINDOW).flatMap((window) =>
    window.sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b),
  );
}

/** Shuffles whole batches; a smaller last one stays the last. */
function inPlace(batches: number[][], next: () => number): void {
  const last = batches.length - 1;
  const whole = (batches[last]?.length ?? 0) === (batches[0]?.length ?? 0) ? batches.length : last;
  const before = batches.slice(0, whole);
  permutation(whole, next).forEach((from, to) => {
    batches[to] = before[from] as number[];
  });
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let begin = 0; begin < list.length; begin += size) parts.push(list.slice(begin, begin + size));
  return parts;
}

/**
 * Splits rows by the seed: `share` of them, rounded, is held out; both parts keep the rows' order. Rows with the same prompt are
 * on the same side: one that no longer fits is passed over.
 */
export function holdOut<T>(
  rows: readonly T[],
  share: number,
  seed: number,
  promptOf?: (row: T) => string,
): { train: T[]; validation: T[] } {
  const count = Math.round(rows.length * share);
  if (count === 0) return { train: [...rows], validation: [] };
  const prompts = new Map<unknown, number[]>();
  for (const i of permutation(rows.length, uniforms(seed, DRAW.holdOut))) {
    const prompt = promptOf ? promptOf(rows[i] as T) : i;
    const same = prompts.get(prompt);
    if (same) same.push(i);
    else prompts.set(prompt, [i]);
  }
  const held = new Set<number>();
  for (const same of prompts.values()) if (held.size + same.length <= count) for (const i of same) held.add(i);
  return { train: rows.filter((_, i) => !held.has(i)), validation: rows.filter((_, i) => held.has(i)) };
}
