// Opens an encoder for evaluations that score with BERTScore.

import { RetemperError } from "../../errors.js";
import type { ModelOptions } from "../../generate/types.js";
import { openEncoder } from "../../nn/encoders/openEncoder.js";
import type { BertScoreSettings } from "../tasks/context.js";

export interface OpenBertScoreOptions
  extends Pick<ModelOptions, "engine" | "threads" | "requireGpu" | "maxMemory" | "signal" | "hub"> {
  /** Known for encoders that the literature uses; else it must be told. */
  readonly layer?: number | undefined;
  readonly idf?: boolean | undefined;
}

/** The layers that bert-score takes, which correlate best with people's judgement. */
const LAYERS: Readonly<Record<string, number>> = {
  "bert-base-uncased": 9,
  "bert-large-uncased": 18,
  "roberta-base": 10,
  "roberta-large": 17,
  "roberta-large-mnli": 19,
  "microsoft/deberta-base": 9,
  "microsoft/deberta-base-mnli": 9,
  "microsoft/deberta-large": 16,
  "microsoft/deberta-large-mnli": 18,
  "microsoft/deberta-xlarge": 18,
  "microsoft/deberta-xlarge-mnli": 40,
};

/**
 * An encoder with its layer, as `evaluate` takes it. Close it afterwards.
 * @param model folder or hub id of a BERT, RoBERTa or DeBERTa (v1) model
 * @throws RetemperError USAGE where the layer is not known; what opening an encoder throws
 * @example
 * ```ts
 * import { evaluate, openBertScore, openModel } from "retemper";
 *
 * const model = await openModel("models/aligned");
 * const bertScore = await openBertScore("microsoft/deberta-xlarge-mnli"); // its layer, 40, is known
 * const results = await evaluate(model, "bertscore:questions.jsonl", { bertScore });
 * console.log(results.tasks[0]?.metrics);
 * await Promise.all([bertScore.close(), model.close()]);
 * ```
 */
export async function openBertScore(
  model: string,
  options: OpenBertScoreOptions = {},
): Promise<BertScoreSettings & { close(): Promise<void> }> {
  const { idf, engine, threads, requireGpu, maxMemory, signal, hub } = options;
  const layer = options.layer ?? LAYERS[model] ?? LAYERS[model.replace(/^(google-bert|FacebookAI)\//, "")];
  if (layer === undefined) {
    throw new RetemperError("USAGE", `The layer to score ${model} with is not known.`, {
      hint: "give it: --bertscore-layer",
    });
  }
  const encoder = await openEncoder(model, { engine, threads, requireGpu, maxMemory, signal, hub });
  return { encoder, layer, idf, close: () => encoder.close() };
}
