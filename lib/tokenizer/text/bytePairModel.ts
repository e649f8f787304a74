// Byte-pair encoding: a piece begins as its characters, and of all neighbours that may merge, the pair of the lowest rank
// does, the leftmost of equals, until none may. Sennrich et al., "Neural Machine Translation of Rare Words with Subword
// Units", 2016. A heap of candidates keeps long pieces (SentencePiece's are whole texts) at n log n steps.

import { RetemperError } from "../../errors.js";
import { quote } from "../addedTokens.js";
import { mergePair } from "../vocabulary.js";
import { MergeTable } from "./mergeTable.js";
import { NumberHeap } from "./numberHeap.js";
import type { PieceModel } from "./pieceModel.js";
import { byteTokenIds, pushBytes, type UnknownId, unknownId } from "./unknownToken.js";

/** Pieces up to this length are remembered, this many at a time. */
const CACHED_LENGTH = 64;
const CACHED_PIECES = 65_536;

/** A candidate is rank * RANK + position: lower ranks first, then positions from the left. */
const RANK = 2 ** 31;

export class BytePairModel implements PieceModel {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #merges: MergeTable;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #unknown: UnknownId;
  readonly #fuseUnknown: boolean;
  /** Ids of byte tokens, where unknown characters are spelled with them. */
  readonly #bytes: Int32Array | undefined;
  /** Whether a piece that is a token stays whole, whatever its merges. */
  readonly #keepTokens: boolean;
  readonly #cache = new Map<string, readonly number[]>();

  // The symbols of the piece that is being encoded: ids (-1: merged into the one on its left), and neighbours (-1: none).
  #ids = new Int32Array(64);
  #next = new Int32Array(64);
  #previous = new Int32Array(64);
  #count = 0;
  readonly #candidates = new NumberHeap();

  /**
   * @param model `model` of tokenizer.json, its merges checked to be pairs.
   * @param vocabulary Its own tokens, without added ones.
   * @throws RetemperError BAD_INPUT for merges of tokens that do not exist.
   */
  constructor(model: Record<string, unknown>, vocabulary: ReadonlyMap<string, number>, file: string) {
    this.#vocabulary = vocabulary;
    this.#prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix : "";
    this.#suffix = typeof model.end_of_word_suffix === "string" ? model.end_of_word_suffix : "";
    this.#unknown = unknownId(model.unk_token, vocabulary, file);
    this.#fuseUnknown = model.fuse_unk === true;
    this.#bytes = model.byte_fallback === true ? byteTokenIds(vocabulary) : undefined;
    this.#keepTokens = model.ignore_merges === true;
    this.#merges = this.#readMerges(model.merges as readonly unknown[], file);
  }

  #readMerges(merges: readonly unknown[], file: string): MergeTable {
    const table = new MergeTable(merges.length);
    const idOf = (token: string, left: string, right: string): number => {
      const id = this.#vocabulary.get(token);
      if (id !== undefined) return id;
      const message = `the merge of ${quote(left)} and ${quote(right)} needs the token ${quote(token)}, which is missing`;
      throw new RetemperError("BAD_INPUT", message, { file });
    };
    for (const [rank, merge] of merges.entries()) {
      const [left, right] = mergePair(merge) as readonly [string, string];
      const whole = left + right.slice(this.#prefix.length);
      table.set(idOf(left, left, right), idOf(right, left, right), rank, idOf(whole, left, right));
    }
    return table;
  }

  encode(piece: string, ids: number[]): void {
    const whole = this.#keepTokens ? this.#vocabulary.get(piece) : undefined;
    if (whole !== undefined) {
      ids.push(whole);
    } else if (piece.length > CACHED_LENGTH) {
      this.#merge(piece, ids);
    } else {
      for (const id of this.#cached(piece)) ids.push(id);
    }
  }

  #cached(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    const ids: number[] = [];
    this.#merge(piece, ids);
    if (this.#cache.size >= CACHED_PIECES) this.#cache.clear();
    this.#cache.set(piece, ids);
    return ids;
  }

  #merge(piece: string, result: number[]): void {
    this.#readSymbols(piece);
    this.#candidates.clear();
    for (let at = 0; at + 1 < this.#count; at += 1) this.#consider(at);
    while (this.#candidates.size > 0) {
      const candidate = this.#candidates.pop();
      const rank = Math.floor(candidate / RANK);
      const at = candidate - rank * RANK;
      const left = this.#ids[at] as number;
      const after = this.#next[at] as number;
      if (left < 0 || after < 0) continue;
      // A pair that has changed since is another candidate by now.
      const found = this.#merges.find(left, this.#ids[after] as number);
      if (found < 0 || this.#merges.rankAt(found) !== rank) continue;
      this.#ids[at] = this.#merges.resultAt(found);
      this.#ids[after] = -1;
      const following = this.#next[after] as number;
      this.#next[at] = following;
      if (following >= 0) {
        this.#previous[following] = at;
        this.#consider(at);
      }
      const before = this.#previous[at] as number;
      if (before >= 0) this.#consider(before);
    }
    for (let at = this.#count > 0 ? 0 : -1; at >= 0; at = this.#next[at] as number) {
      result.push(this.#ids[at] as number);
    }
  }

  /** Makes the pair that begins at a symbol a candidate if it may merge. */
  #consider(at: number): void {
    const found = this.#merges.find(this.#ids[at] as number, this.#ids[this.#next[at] as number] as number);
    if (found >= 0) this.#candidates.push(this.#merges.rankAt(found) * RANK + at);
  }

  /** Makes symbols of the piece's characters. */
  #readSymbols(piece: string): void {
    this.#count = 0;
    const push = (id: number): void => this.#push(id);
    let unknownBefore = false;
    for (let at = 0, end = 0; at < piece.length; at = end) {
      end = at + ((piece.codePointAt(at) as number) > 0xffff ? 2 : 1);
      const start = at > 0 ? this.#prefix : "";
      const token = start + piece.slice(at, end) + (end === piece.length ? this.#suffix : "");
      const id = this.#vocabulary.get(token);
      if (id !== undefined) push(id);
      const known = id !== undefined || (this.#bytes !== undefined && pushBytes(token, this.#bytes, push));
      if (!known && !(unknownBefore && this.#fuseUnknown)) {
        const unknown = this.#unknown();
        // Without an unknown token such characters are left out.
        if (unknown !== undefined) push(unknown);
      }
      unknownBefore = !known;
    }
    if (this.#count > 0) this.#next[this.#count - 1] = -1;
  }

  #push(id: number): void {
    if (this.#count === this.#ids.length) {
      this.#ids = doubled(this.#ids);
      this.#next = doubled(this.#next);
      this.#previous = doubled(this.#previous);
    }
    this.#ids[this.#count] = id;
    this.#next[this.#count] = this.#count + 1;
    this.#previous[this.#count] = this.#count - 1;
    this.#count += 1;
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
