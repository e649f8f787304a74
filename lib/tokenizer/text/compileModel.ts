// The model of tokenizer.json: one of the four kinds that exist.

import { asRecord } from "../addedTokens.js";
import type { Vocabulary } from "../vocabulary.js";
import { BytePairModel } from "./bytePairModel.js";
import type { PieceModel } from "./pieceModel.js";
import { UnigramModel } from "./unigramModel.js";
import { WordModel } from "./wordModel.js";

/**
 * Builds the `model` of tokenizer.json.
 * @param vocabulary Its own tokens, without added ones.
 * @throws RetemperError BAD_INPUT.
 */
export function compileModel(
  value: unknown,
  type: Vocabulary["type"],
  vocabulary: ReadonlyMap<string, number>,
  file: string,
): PieceModel {
  const model = asRecord(value, "model", file);
  switch (type) {
    case "BPE":
      return new BytePairModel(model, vocabulary, file);
    case "Unigram":
      return new UnigramModel(model, vocabulary, file);
    case "WordPiece":
    case "WordLevel":
      return new WordModel(model, type, vocabulary, file);
  }
}
