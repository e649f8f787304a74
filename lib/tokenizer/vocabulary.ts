// The vocabulary inside tokenizer.json's model: token -> id, for the four kinds of model that exist.

import { RetemperError } from "../errors.js";
import { asRecord, checkContent, checkId, MAX_TOKENS, quote, show } from "./addedTokens.js";

export type TokenizerModelType = "BPE" | "Unigram" | "WordPiece" | "WordLevel";

export interface Vocabulary {
  readonly type: TokenizerModelType;
  readonly ids: Map<string, number>;
  readonly warnings: string[];
}

/**
 * Reads and checks the `model` of a parsed tokenizer.json.
 * @throws RetemperError BAD_INPUT.
 */
export function readVocabulary(value: unknown, file: string): Vocabulary {
  const model = asRecord(value, "model", file);
  const type = modelType(model, file);
  if (type === "Unigram") return unigram(model, file);
  if (type === "BPE") checkMerges(model.merges, file);
  const ids = new Map<string, number>();
  const owners = new Map<number, string>();
  for (const [token, id] of Object.entries(asRecord(model.vocab, "model.vocab", file))) {
    checkContent(token, file);
    checkId(id, token, file);
    const other = owners.get(id as number);
    if (other !== undefined) {
      const message = `tokens ${quote(other)} and ${quote(token)} have the same id ${id}`;
      throw new RetemperError("BAD_INPUT", message, { file });
    }
    owners.set(id as number, token);
    ids.set(token, id as number);
  }
  return { type, ids, warnings: [] };
}

function modelType(model: Record<string, unknown>, file: string): TokenizerModelType {
  const { type } = model;
  if (type === "BPE" || type === "Unigram" || type === "WordPiece" || type === "WordLevel") return type;
  // Old files have no type; it follows from what they hold, in the order in which the tokenizers library tries.
  if (type === undefined) {
    if (model.merges !== undefined) return "BPE";
    if (Array.isArray(model.vocab)) return "Unigram";
    return model.max_input_chars_per_word === undefined ? "WordLevel" : "WordPiece";
  }
  const message = `model.type is ${show(type)}; expected BPE, Unigram, WordPiece or WordLevel`;
  throw new RetemperError("BAD_INPUT", message, { file });
}

function unigram(model: Record<string, unknown>, file: string): Vocabulary {
  const { vocab } = model;
  if (!Array.isArray(vocab)) {
    throw new RetemperError("BAD_INPUT", `model.vocab is ${show(vocab)}; a Unigram model has a list`, { file });
  }
  if (vocab.length > MAX_TOKENS) {
    throw new RetemperError("BAD_INPUT", `has ${vocab.length} tokens, more than ${MAX_TOKENS}`, { file });
  }
  const ids = new Map<string, number>();
  const warnings: string[] = [];
  for (const [id, entry] of (vocab as unknown[]).entries()) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[1] !== "number") {
      throw new RetemperError("BAD_INPUT", `entry ${id} of model.vocab is not a pair of token and score`, { file });
    }
    const token = checkContent(entry[0], file);
    // A repeated piece stands for its last id, as in the tokenizers library; the row of the first stays without a name.
    if (ids.has(token) && warnings.length === 0)
      warnings.push(`${file}: token ${quote(token)} is listed more than once`);
    ids.set(token, id);
  }
  return { type: "Unigram", ids, warnings };
}

function checkMerges(merges: unknown, file: string): void {
  if (!Array.isArray(merges)) {
    throw new RetemperError("BAD_INPUT", `model.merges is ${show(merges)}; a BPE model has a list of merges`, { file });
  }
  for (const [index, merge] of (merges as unknown[]).entries()) {
    const pair = mergePair(merge);
    if (pair === undefined)
      throw new RetemperError("BAD_INPUT", `entry ${index} of model.merges is not a pair`, { file });
  }
}

/** The two halves of a merge, which is `"left right"` or `["left", "right"]`; undefined for anything else. */
export function mergePair(merge: unknown): readonly [string, string] | undefined {
  const pair: readonly unknown[] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
  const [left, right] = pair;
  return pair.length === 2 && typeof left === "string" && typeof right === "string" ? [left, right] : undefined;
}
