// The output's tokenizer: its files, and how the rows of the embeddings follow it.

import { embeddingNames } from "../checkpoint/families.js";
import { locate } from "../checkpoint/locate.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { allTensors } from "../plan/operands.js";
import type { VocabularyGather, VocabularyPlan } from "../plan/request.js";
import type { ParsedRecipe } from "../recipe/types.js";
import { mergeTokenizers, type OutputFile, type TokenizerInput } from "../tokenizer/mergeTokenizers.js";
import { modelsOfRequest, sameModel } from "../tokenizer/references.js";
import type { EmbeddingGather } from "../tokenizer/types.js";
import type { OpenModels } from "./models.js";

export interface OutputVocabulary {
  readonly files: readonly OutputFile[];
  /** Undefined where the vocabulary stays as it is. */
  readonly plan: VocabularyPlan | undefined;
  readonly warnings: readonly string[];
}

/** @throws RetemperError BAD_INPUT, BAD_RECIPE or INCOMPATIBLE for tokenizers that cannot be merged as asked. */
export async function outputVocabulary(
  recipe: ParsedRecipe,
  { checkpoints, references }: OpenModels,
  cache: string | undefined,
  named?: Readonly<Record<string, string>>,
): Promise<OutputVocabulary> {
  const models: TokenizerInput[] = [];
  for (const [text, reference] of references) {
    const checkpoint = checkpoints.get(text) as Checkpoint;
    const rows = embeddingRows(checkpoint);
    models.push({ reference, folder: checkpoint.folder, ...(rows === undefined ? {} : { embeddingRows: rows }) });
  }
  for (const reference of recipe.tokenizer ? modelsOfRequest(recipe.tokenizer) : []) {
    if (models.some((model) => sameModel(model.reference, reference))) continue;
    models.push({ reference, folder: await locate(reference, { cache, named }), merged: false });
  }
  const outcome = await mergeTokenizers(recipe.tokenizer, recipe.chatTemplate, models, recipe.baseModel);
  const { vocabularySize, gathers } = outcome;
  return {
    files: outcome.files,
    plan: vocabularySize === undefined ? undefined : vocabularyPlan(vocabularySize, models, gathers ?? []),
    warnings: outcome.warnings,
  };
}

function vocabularyPlan(
  size: number,
  models: readonly TokenizerInput[],
  gathers: readonly (EmbeddingGather | undefined)[],
): VocabularyPlan {
  const plans = new Map<string, VocabularyGather>();
  gathers.forEach((gather, index) => {
    const model = models[index];
    if (!model || !gather || isIdentity(gather, index, model.embeddingRows ?? 0)) return;
    plans.set(model.reference.text, onlyUsed(gather, models));
  });
  return { size, gathers: plans };
}

/** True when every row stays where it is, so that the tensor is taken as it lies in its file. */
function isIdentity({ start, part, row, meanRows }: EmbeddingGather, self: number, rows: number): boolean {
  const size = start.length - 1;
  if (meanRows > 0 || size > rows || row.length !== size) return false;
  return row.every((old, id) => old === id && part[id] === self && start[id] === id);
}

/** Renumbers the models, so that only those whose rows are read are parts of the source. */
function onlyUsed(gather: EmbeddingGather, models: readonly TokenizerInput[]): VocabularyGather {
  const { start, part, row, meanRows } = gather;
  const used = [...new Set(part)].sort((a, b) => a - b);
  const numbers = new Map(used.map((model, at) => [model, at]));
  return {
    // A gather without any row (all zeros) still needs a part to have columns.
    models: (used.length > 0 ? used : [0]).map((model) => models[model]?.reference.text ?? ""),
    start,
    part: part.map((model) => numbers.get(model) ?? 0),
    row,
    meanRows,
  };
}

function embeddingRows(checkpoint: Checkpoint): number | undefined {
  const { embedding } = embeddingNames(allTensors(checkpoint));
  if (embedding === undefined) return undefined;
  const effect = checkpoint.adapter?.effects.get(embedding);
  const replaced = effect?.kind === "replace" ? effect.tensor : effect?.base;
  return (replaced ?? allTensors(checkpoint).get(embedding))?.shape[0];
}
