// BERTScore with a model's name: opens the encoder, compares, closes it. The one place where metrics meet encoders.

import type { ModelOptions } from "../../generate/types.js";
import { openEncoder } from "../../nn/encoders/openEncoder.js";
import { type BertScoreOptions, type BertScores, bertScoreWith } from "../metrics/bertScore.js";

export interface BertScoreModelOptions
  extends BertScoreOptions,
    Pick<ModelOptions, "engine" | "threads" | "requireGpu" | "maxMemory" | "signal" | "hub"> {
  /** Folder or hub id of a BERT, RoBERTa or DeBERTa (v1) model, such as microsoft/deberta-xlarge-mnli (layer 40). */
  readonly model: string;
}

/**
 * BERTScore of each candidate with its reference: precision, recall and F1 as the Python package bert-score has them.
 * @throws RetemperError BAD_INPUT for a model that is not there or no encoder; USAGE for lists of different lengths or a
 *   layer that is not there
 * @example
 * ```ts
 * import { bertScore } from "retemper";
 *
 * const { f1 } = await bertScore(["Rest, and drink much water."], ["Drink a lot of water and rest."], {
 *   model: "microsoft/deberta-xlarge-mnli",
 *   layer: 40,
 * });
 * console.log(f1[0]);
 * ```
 */
export async function bertScore(
  candidates: readonly string[],
  references: readonly string[],
  options: BertScoreModelOptions,
): Promise<BertScores> {
  const { model, engine, threads, requireGpu, maxMemory, signal, hub, ...others } = options;
  const encoder = await openEncoder(model, { engine, threads, requireGpu, maxMemory, signal, hub });
  try {
    return await bertScoreWith(encoder, candidates, references, others);
  } finally {
    await encoder.close();
  }
}
