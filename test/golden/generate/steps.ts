// Decoders driven by hand: rows of steps, greedy decoding, distances between logits.

import type { Decoder } from "../../../lib/nn/decoder.js";
import type { Cache, Rows } from "../../../lib/nn/ops/specs.js";

/** Tokens of one sequence in a step; `start` is the position of the first. */
export interface Piece {
  readonly slot: number;
  readonly ids: readonly number[];
  readonly start: number;
  /** Tokens of the whole prompt, where this is a part of it. */
  readonly context?: number;
}

export function rowsOf(pieces: readonly Piece[]): Rows {
  const each = (value: (piece: Piece, i: number) => number) =>
    Int32Array.from(pieces.flatMap((piece) => piece.ids.map((_, i) => value(piece, i))));
  return {
    ids: each(({ ids }, i) => ids[i] as number),
    positions: each(({ start }, i) => start + i),
    slots: each(({ slot }) => slot),
    variants: each(() => 0),
    ...(pieces.some(({ context }) => context !== undefined)
      ? { contexts: each(({ context, ids, start }) => context ?? start + ids.length) }
      : {}),
  };
}

/** Logits of every row of the pieces. */
export function allLogits(decoder: Decoder, cache: Cache, pieces: readonly Piece[]): Float32Array {
  const rows = rowsOf(pieces);
  return decoder
    .forward(
      rows,
      cache,
      rows.ids.map((_, i) => i),
    )
    .slice();
}

/** Logits of each piece's last row. */
export function lastLogits(decoder: Decoder, cache: Cache, pieces: readonly Piece[]): Float32Array {
  let end = -1;
  const wanted = Int32Array.from(pieces, ({ ids }) => {
    end += ids.length;
    return end;
  });
  return decoder.forward(rowsOf(pieces), cache, wanted).slice();
}

export const wholePrompts = (prompts: readonly (readonly number[])[]): Piece[] =>
  prompts.map((ids, slot) => ({ slot, ids, start: 0 }));

/** `count` new ids for each prompt, all prompts in one batch; positive logits of seen ids divided by `penalty`, others multiplied. */
export function greedy(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  count: number,
  penalty = 1,
): number[][] {
  const cache = decoder.createCache({ slots: prompts.length, tokens: prompts.flat().length + prompts.length * count });
  const answers: number[][] = prompts.map(() => []);
  const reads = decoder.spec.layers.map(({ attend }) => attend.rope?.long?.from);
  let pieces = wholePrompts(prompts);
  for (let step = 0; step < count; step++) {
    const logits = lastLogits(decoder, cache, pieces);
    pieces = pieces.map(({ slot, ids, start }, i) => {
      const own = logits.slice(i * decoder.spec.vocabulary, (i + 1) * decoder.spec.vocabulary);
      for (const id of new Set([...(prompts[slot] as number[]), ...(answers[slot] as number[])])) {
        const logit = own[id] as number;
        own[id] = logit > 0 ? logit / penalty : logit * penalty;
      }
      const next = own.indexOf(own.reduce((max, logit) => Math.max(max, logit)));
      (answers[slot] as number[]).push(next);
      const length = start + ids.length;
      if (!reads.some((from) => from === length)) return { slot, ids: [next], start: length };
      // from here on the whole sequence turns with other frequencies
      cache.release(slot);
      return { slot, ids: [...(prompts[slot] as number[]), ...(answers[slot] as number[])], start: 0 };
    });
  }
  cache.dispose();
  return answers;
}

/** log softmax of rows 0 … n - 2 at the tokens that follow. */
export function logprobsOf(logits: Float32Array, vocabulary: number, ids: readonly number[]): number[] {
  return ids.slice(1).map((id, i) => {
    const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
    const max = row.reduce((a, b) => Math.max(a, b));
    return (row[id] as number) - max - Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0));
  });
}

/** The largest difference; infinite where the lengths differ or a number is none. */
export function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length || got.length === 0) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs((got[i] as number) - (want[i] as number));
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}
