// A checkpoint of the matrices whose change was projected, A + C D of each, as float32. Each lies in a file of its own: those that turn
// out not to be gated are removed, and nothing is written twice.

import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredTensor } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import { INDEX_FILE, packShards, type Shard, SINGLE_FILE, shardIndex } from "../../plan/shards.js";

/** One file for each weight, in their order. */
export function shardsOf(weights: readonly StoredTensor[]) {
  const tensors = weights.map(({ name, shape }) => ({ name, dtype: "F32" as const, shape }));
  return { tensors, layout: packShards(tensors, 1) };
}

/** Makes the file of a weight, with its header. @returns where the values go */
export async function beginShard(folder: string, { fileName, header }: Shard) {
  const path = join(folder, fileName);
  await writeFile(path, header, { flag: "wx" }).catch((error: unknown) => {
    throw ioError(error, path, "cannot write");
  });
  return { path, offset: header.length };
}

/**
 * Makes the files that are kept a checkpoint, and removes the others.
 * @param weights all that have files
 * @returns the bytes of the checkpoint
 */
export async function keepShards(
  folder: string,
  weights: readonly StoredTensor[],
  isKept: (weight: number) => boolean,
): Promise<number> {
  const { tensors, layout } = shardsOf(weights);
  const shards = layout.shards.filter((_, at) => isKept(at));
  try {
    for (const [at, { fileName }] of layout.shards.entries()) if (!isKept(at)) await rm(join(folder, fileName));
    const [first] = shards;
    const index = shardIndex(tensors, { ...layout, shards });
    if (index) await writeFile(join(folder, INDEX_FILE), index);
    else if (first) await rename(join(folder, first.fileName), join(folder, SINGLE_FILE));
  } catch (error) {
    throw ioError(error, folder, "cannot write");
  }
  return shards.reduce((sum, { size }) => sum + size, 0);
}
