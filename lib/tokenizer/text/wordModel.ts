// Models that look words up: WordLevel knows whole words only, WordPiece takes the longest token that fits, again and
// again. Wu et al., "Google's Neural Machine Translation System", 2016.

import type { PieceModel } from "./pieceModel.js";
import { type UnknownId, unknownId } from "./unknownToken.js";

export class WordModel implements PieceModel {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #unknown: UnknownId;
  readonly #pieces: boolean;
  readonly #prefix: string;
  /** Characters of the longest word that is split, and length of the longest token. */
  readonly #longest: number;
  #longestToken = 1;

  /**
   * @param model `model` of tokenizer.json.
   * @param vocabulary Its own tokens, without added ones.
   */
  constructor(
    model: Record<string, unknown>,
    type: "WordPiece" | "WordLevel",
    vocabulary: ReadonlyMap<string, number>,
    file: string,
  ) {
    this.#vocabulary = vocabulary;
    this.#unknown = unknownId(model.unk_token ?? (type === "WordPiece" ? "[UNK]" : "<unk>"), vocabulary, file);
    this.#pieces = type === "WordPiece";
    this.#prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix : "##";
    const longest = model.max_input_chars_per_word;
    this.#longest = typeof longest === "number" ? longest : 100;
    for (const token of vocabulary.keys()) this.#longestToken = Math.max(this.#longestToken, token.length);
  }

  encode(piece: string, ids: number[]): void {
    const whole = this.#vocabulary.get(piece);
    const found = whole !== undefined && !this.#pieces ? [whole] : this.#pieces ? this.#split(piece) : undefined;
    for (const id of found ?? [this.#unknown() as number]) ids.push(id);
  }

  /** Ids of a word's pieces; undefined for a word that is too long or has a part that no piece fits. */
  #split(word: string): number[] | undefined {
    const characters = Array.from(word);
    if (characters.length > this.#longest) return undefined;
    const ids: number[] = [];
    let start = 0;
    while (start < characters.length) {
      const prefix = start > 0 ? this.#prefix : "";
      let end = Math.min(characters.length, start + this.#longestToken);
      let id: number | undefined;
      for (; end > start; end -= 1) {
        id = this.#vocabulary.get(prefix + characters.slice(start, end).join(""));
        if (id !== undefined) break;
      }
      if (id === undefined) return undefined;
      ids.push(id);
      start = end;
    }
    return ids;
  }
}
