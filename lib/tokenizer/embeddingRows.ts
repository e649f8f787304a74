// Where each row of each model's embedding matrices comes from, once all models speak the merged vocabulary.

import type { NativeGather } from "../plan/types.js";
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

/**
 * A gather as lists alone: the mean rows too become lists, of every row. Exact unless rows of zeros are among them,
 * which a list of rows cannot count; large, so only for few mean rows.
 */
export function withoutMeanRows({ start, part, row, meanRows }: EmbeddingGather): NativeGather {
  if (meanRows === 0) return { start, part, row };
  const lengths = start.subarray(1).map((end, id) => end - (start[id] ?? 0));
  // Every row must weigh the same, so lists shorter than the common multiple are repeated.
  const common = [...new Set(lengths)].filter((length) => length > 0).reduce(leastCommonMultiple, 1);
  const meanPart: number[] = [];
  const meanRow: number[] = [];
  for (let id = 0; id + 1 < start.length; id += 1) {
    for (let times = common / (lengths[id] || common); times > 0 && (lengths[id] ?? 0) > 0; times -= 1) {
      for (let at = start[id] ?? 0; at < (start[id + 1] ?? 0); at += 1) {
        meanPart.push(part[at] ?? 0);
        meanRow.push(row[at] ?? 0);
      }
    }
  }
  const extend = (list: Uint32Array, mean: readonly number[]): Uint32Array => {
    const result = new Uint32Array(list.length + meanRows * mean.length);
    result.set(list);
    for (let copy = 0; copy < meanRows; copy += 1) result.set(mean, list.length + copy * mean.length);
    return result;
  };
  const ends = Array.from({ length: meanRows }, (_, copy) => part.length + (copy + 1) * meanPart.length);
  return { start: Uint32Array.from([...start, ...ends]), part: extend(part, meanPart), row: extend(row, meanRow) };
}

function leastCommonMultiple(x: number, y: number): number {
  let [a, b] = [x, y];
  while (b !== 0) [a, b] = [b, a % b];
  return (x / a) * y;
}
