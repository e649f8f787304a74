// Opens a sequence classifier on the engine that the caller's options choose.

import { openClassifier as open, type SequenceClassifier } from "../generate/encoders/openClassifier.js";
import type { ModelOptions } from "../generate/types.js";
import { chooseEngine } from "../generate/worker/chooseEngine.js";

/**
 * A BERT, RoBERTa or DeBERTa (v1) model for sequence classification, as `classifierJudge` takes it. Close it afterwards.
 * @param model folder or hub id
 * @throws RetemperError BAD_INPUT for a model that is not there, has no such head, or cannot be run
 */
export async function openClassifier(
  model: string,
  options: Pick<ModelOptions, "engine" | "threads" | "requireGpu" | "maxMemory"> = {},
): Promise<SequenceClassifier> {
  const { threads, requireGpu, maxMemory } = options;
  return open(model, { engine: chooseEngine(options), threads, requireGpu, maxMemory });
}
