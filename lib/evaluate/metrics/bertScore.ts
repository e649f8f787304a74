// BERTScore (Zhang et al., 2020): how well the tokens of a candidate and of a reference match, by their contextual
// embeddings. As the Python package bert-score computes it.

import { RetemperError } from "../../errors.js";
import { strip } from "./pythonText.js";

/** The port of an encoder with its tokenizer; whoever opens checkpoints provides it. */
export interface Encoder {
  readonly facts: object;
  /** Ids with the special tokens at either end, [CLS] … [SEP], cut at the encoder's length: an empty text is these two. */
  encode(text: string, options?: { readonly maxLength?: number | undefined }): readonly number[];
  /** Ids of the special tokens at either end; their weight is 0. */
  readonly endIds: { readonly start: number; readonly end: number };
  readonly layers: number;
  readonly maxLength: number;
  /** Output of a layer (0 = embeddings): [tokens x hidden size], row-major, one array an input. */
  hidden(
    ids: readonly (readonly number[])[],
    layer: number,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly Float32Array[]>;
}

export interface BertScoreOptions {
  readonly layer: number;
  /** Weighs tokens by how rare they are among the references; off by default. */
  readonly idf?: boolean | undefined;
  readonly maxLength?: number | undefined;
  /** Scores of unrelated texts: each score x becomes (x - b) / (1 - b). */
  readonly baseline?: PairScore | undefined;
  /** Texts in the encoder at once; 32 by default. */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as each pair is scored, in any order. */
  readonly onScore?: ((index: number, score: PairScore) => void) | undefined;
}

export interface PairScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface BertScores {
  readonly precision: number[];
  readonly recall: number[];
  readonly f1: number[];
}

/**
 * Precision: each candidate token's best cosine similarity with a token of the reference, weighted mean; recall the
 * reverse; F1 their harmonic mean. The tokens at the ends have weight 0 but can be matched; an empty text scores 0.
 * @throws RetemperError USAGE for lists of different lengths or a layer that is not there
 * @example
 * ```ts
 * import { bertScoreWith, openEncoder } from "retemper";
 *
 * const encoder = await openEncoder("roberta-large");
 * const references = ["Drink a lot of water and rest.", "Take the second street on the left."];
 * const first = await bertScoreWith(encoder, ["Rest, and drink.", "Turn left."], references, { layer: 17 });
 * const second = await bertScoreWith(encoder, ["Drink water.", "The second left."], references, { layer: 17 });
 * console.log(first.f1, second.f1);
 * await encoder.close();
 * ```
 */
export async function bertScoreWith(
  encoder: Encoder,
  candidates: readonly string[],
  references: readonly string[],
  options: BertScoreOptions,
): Promise<BertScores> {
  const { layer, idf = false, maxLength = encoder.maxLength, batch = 32, signal } = options;
  if (candidates.length !== references.length) {
    throw new RetemperError(
      "USAGE",
      `${candidates.length} candidates and ${references.length} references are not pairs`,
    );
  }
  if (!Number.isInteger(layer) || layer < 0 || layer > encoder.layers) {
    throw new RetemperError("USAGE", `The encoder has no layer ${layer}.`, { hint: `give 0 to ${encoder.layers}` });
  }
  const encode = (text: string) => encoder.encode(strip(text), { maxLength: Math.min(maxLength, encoder.maxLength) });
  const [ofCandidates, ofReferences] = [candidates.map(encode), references.map(encode)];
  const rescaled = ({ precision, recall, f1 }: PairScore): PairScore => {
    const { baseline } = options;
    if (!baseline) return { precision, recall, f1 };
    const scale = (value: number, zero: number) => (value - zero) / (1 - zero);
    return {
      precision: scale(precision, baseline.precision),
      recall: scale(recall, baseline.recall),
      f1: scale(f1, baseline.f1),
    };
  };
  const weights = idf ? inverseFrequencies(ofReferences, encoder) : equalWeights(encoder);

  const scores = candidates.map((): PairScore => ({ precision: 0, recall: 0, f1: 0 }));
  // pairs of like length go through the encoder together: padding, where there is any, stays short
  const order = [...candidates.keys()].sort((a, b) => length(b) - length(a));
  function length(at: number): number {
    return Math.max(ofCandidates[at]?.length ?? 0, ofReferences[at]?.length ?? 0);
  }
  const pairs = Math.max(1, batch >> 1);
  for (let start = 0; start < order.length; start += pairs) {
    signal?.throwIfAborted();
    const part = order.slice(start, start + pairs);
    const ids = part.flatMap((at) => [ofCandidates[at] as readonly number[], ofReferences[at] as readonly number[]]);
    const hidden = await encoder.hidden(ids, layer, { signal });
    for (const [at, index] of part.entries()) {
      const [left, right] = [side(2 * at), side(2 * at + 1)];
      scores[index] = rescaled(pairScore(left, right));
      options.onScore?.(index, scores[index] as PairScore);
    }
    function side(at: number): Side {
      const tokens = ids[at] as readonly number[];
      return { rows: normalised(hidden[at] as Float32Array, tokens.length), weights: tokens.map(weights) };
    }
  }
  return {
    precision: scores.map(({ precision }) => precision),
    recall: scores.map(({ recall }) => recall),
    f1: scores.map(({ f1 }) => f1),
  };
}

interface Side {
  readonly rows: Float32Array[];
  readonly weights: readonly number[];
}

function pairScore(candidate: Side, reference: Side): PairScore {
  // only [CLS] and [SEP]: nothing was said
  if (candidate.rows.length <= 2 || reference.rows.length <= 2) return { precision: 0, recall: 0, f1: 0 };
  const best = { candidate: candidate.rows.map(() => -Infinity), reference: reference.rows.map(() => -Infinity) };
  for (const [i, row] of candidate.rows.entries()) {
    for (const [j, other] of reference.rows.entries()) {
      let dot = 0;
      for (let at = 0; at < row.length; at++) dot += (row[at] as number) * (other[at] as number);
      if (dot > (best.candidate[i] as number)) best.candidate[i] = dot;
      if (dot > (best.reference[j] as number)) best.reference[j] = dot;
    }
  }
  const precision = weightedMean(best.candidate, candidate.weights);
  const recall = weightedMean(best.reference, reference.weights);
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1 };
}

function weightedMean(values: readonly number[], weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return 0;
  return values.reduce((sum, value, at) => sum + value * (weights[at] as number), 0) / total;
}

/** Rows of length 1. */
function normalised(hidden: Float32Array, tokens: number): Float32Array[] {
  const width = hidden.length / tokens;
  return Array.from({ length: tokens }, (_, token) => {
    const row = hidden.subarray(token * width, (token + 1) * width);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    return row.map((value) => value / norm);
  });
}

function equalWeights({ endIds }: Encoder): (id: number) => number {
  return (id) => (id === endIds.start || id === endIds.end ? 0 : 1);
}

/** log((M + 1) / (df + 1)) over the M references; ids that none of them has count as df 0. */
function inverseFrequencies(references: readonly (readonly number[])[], { endIds }: Encoder): (id: number) => number {
  const documents = new Map<number, number>();
  for (const ids of references) {
    for (const id of new Set(ids)) documents.set(id, (documents.get(id) ?? 0) + 1);
  }
  return (id) => {
    if (id === endIds.start || id === endIds.end) return 0;
    return Math.log((references.length + 1) / ((documents.get(id) ?? 0) + 1));
  };
}
