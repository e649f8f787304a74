// A unigram model: of all ways to write a piece as tokens, the one with the largest sum of log-probabilities. Kudo,
// "Subword Regularization", 2018; the search is Viterbi's, over ends of tokens.

import { RetemperError } from "../../errors.js";
import type { PieceModel } from "./pieceModel.js";
import { byteTokenIds, pushBytes } from "./unknownToken.js";

/** How much worse than the worst token an unknown character is, as in SentencePiece. */
const UNKNOWN_PENALTY = 10;

export class UnigramModel implements PieceModel {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: Int32Array | undefined;
  /** Length of the longest token in UTF-16 units. */
  readonly #longest: number;
  readonly #file: string;

  /**
   * @param model `model` of tokenizer.json, its vocabulary checked to be pairs of token and score.
   * @param vocabulary Its own tokens, without added ones.
   */
  constructor(model: Record<string, unknown>, vocabulary: ReadonlyMap<string, number>, file: string) {
    const pairs = model.vocab as readonly (readonly [string, number])[];
    this.#vocabulary = vocabulary;
    this.#scores = Float64Array.from(pairs, ([, score]) => score);
    this.#unknown = typeof model.unk_id === "number" ? model.unk_id : undefined;
    this.#unknownScore =
      this.#scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
    this.#bytes = model.byte_fallback === true ? byteTokenIds(vocabulary) : undefined;
    this.#longest = pairs.reduce((longest, [token]) => Math.max(longest, token.length), 1);
    this.#file = file;
  }

  encode(piece: string, ids: number[]): void {
    const starts = this.#bestStarts(piece);
    const ends: number[] = [];
    for (let end = piece.length; end > 0; end = starts[end] as number) ends.push(end);
    let start = 0;
    let unknownBefore = false;
    for (const end of ends.reverse()) {
      const token = piece.slice(start, end);
      start = end;
      const id = this.#vocabulary.get(token);
      const known = id !== undefined && id !== this.#unknown;
      if (known) ids.push(id);
      else if (this.#bytes === undefined || !pushBytes(token, this.#bytes, (byte) => ids.push(byte))) {
        // Neighbouring unknown characters are one unknown token.
        if (!unknownBefore) ids.push(this.#unknownId());
        unknownBefore = true;
        continue;
      }
      unknownBefore = false;
    }
  }

  /** For each end of a token on the best way to it, where that token starts. */
  #bestStarts(piece: string): Int32Array {
    const starts = new Int32Array(piece.length + 1).fill(-1);
    const scores = new Float64Array(piece.length + 1);
    const offer = (start: number, end: number, score: number): void => {
      if (starts[end] !== -1 && score <= (scores[end] as number)) return;
      starts[end] = start;
      scores[end] = score;
    };
    for (let start = 0, next = 0; start < piece.length; start = next) {
      next = start + ((piece.codePointAt(start) as number) > 0xffff ? 2 : 1);
      const before = scores[start] as number;
      const last = Math.min(piece.length, start + this.#longest);
      let single = false;
      for (let end = next; end <= last; end += 1) {
        const id = this.#vocabulary.get(piece.slice(start, end));
        if (id === undefined) continue;
        offer(start, end, before + (this.#scores[id] as number));
        single ||= end === next;
      }
      if (!single) offer(start, next, before + this.#unknownScore);
    }
    return starts;
  }

  #unknownId(): number {
    if (this.#unknown !== undefined) return this.#unknown;
    throw new RetemperError("BAD_INPUT", "the text needs an unknown token, and the model names none", {
      file: this.#file,
    });
  }
}
