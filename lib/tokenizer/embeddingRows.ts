// Where each row of each model's embedding matrices comes from, once all models use the merged vocabulary.

import type { EmbeddingGather, MergedTokenizer, TokenizerModel } from "./types.js";

/**
 * The gather of every model, for its input embeddings and (where it has one) its lm_head alike.
 *
 * A row is what a forced override says; else the model's own; else what an override says; else that of the only model
 * that has it; else the base's; else the mean of those that have it; else zeros. Models that only lend their tokenizer
 * give no rows; their gather is undefined.
 */
export function embeddingGathers(
  merged: MergedTokenizer,
  models: readonly TokenizerModel[],
): (EmbeddingGather | undefined)[] {
  const givers = models.flatMap((model, index) => (model.merged === false ? [] : [index]));
  const size = merged.tokens.length;
  const meanRows = merged.vocabularySize - size;
  const owned = (model: number, id: number): number => merged.permutations[model]?.[id] ?? -1;

  return models.map((model, index) => {
    if (model.merged === false) return undefined;
    const start = new Uint32Array(size + 1);
    // Most rows have one origin; only rows that several models fill have more.
    const part: number[] = [];
    const row: number[] = [];
    const add = (from: number, old: number): void => {
      part.push(from);
      row.push(old);
    };
    for (let id = 0; id < size; id += 1) {
      const override = merged.overrides.get(id);
      const own = owned(index, id);
      if (own >= 0 && override?.force !== true) add(index, own);
      else if (override !== undefined) {
        if (override.from !== undefined) add(override.from.model, override.from.row);
      } else fill(id);
      start[id + 1] = part.length;
    }
    return { start, part: Uint32Array.from(part), row: Uint32Array.from(row), meanRows };

    function fill(id: number): void {
      const owners = givers.filter((giver) => owned(giver, id) >= 0);
      const { base } = merged;
      if (owners.length > 1 && base !== undefined && owned(base, id) >= 0) add(base, owned(base, id));
      else for (const owner of owners) add(owner, owned(owner, id));
    }
  });
}
