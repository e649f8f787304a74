// The weights that Safe Delta leaves, layer by layer, as a checkpoint of float32 matrices with a shard for each layer.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import { INDEX_FILE, packShards, type Shard } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import { isConv1d } from "../adapter/adapterPlan.js";
import { assemble, type KeptTensor } from "../adapter/assemble.js";
import { EngineTensors } from "../adapter/engineTensors.js";
import type { LinearInputs, RowsInModel } from "./activations.js";
import type { PrepareOptions } from "./types.js";

export interface KeptPlace {
  /** Of the ranges of the planned changes. */
  readonly files: InputFiles;
  /** The aligned model's. */
  readonly config: Checkpoint["config"];
  /** How much may stay. */
  readonly s: number;
  /** For files of steps in between. */
  readonly work: string;
  /** An empty folder. */
  readonly out: string;
}

/**
 * @param changes F - A of each layer by its weight's name: the sources are F's matrix and A's
 * @returns the bytes of the checkpoint
 * @throws RetemperError BAD_INPUT that names the tensor, for values that are not finite; IO, NO_SPACE
 */
export async function keepLayers(
  reading: RowsInModel,
  changes: ReadonlyMap<string, DraftTensor>,
  place: KeptPlace,
  options: PrepareOptions,
): Promise<number> {
  const { signal, onProgress } = options;
  const total = [...changes.values()].reduce((sum, { shape }) => sum + 4 * elementsOf({ shape }), 0);
  let done = 0;
  onProgress?.({ done, total });
  const shardOf = new Map<string, string>();
  let written = 0;
  for await (const inputs of reading.inputs((weight) => changes.has(weight))) {
    const kept: KeptTensor[] = [];
    for (const input of inputs) {
      signal?.throwIfAborted();
      const drafts = input.weights.flatMap((weight) => changes.get(weight) ?? []);
      kept.push(...(await keep(input, drafts, place, options)));
      done += drafts.reduce((sum, { shape }) => sum + 4 * elementsOf({ shape }), 0);
      onProgress?.({ done, total });
    }
    if (kept.length === 0) continue;
    const fileName = `layer-${shardOf.size}.safetensors`;
    const [shard] = packShards(kept, Number.MAX_VALUE).shards as [Shard];
    await assemble(join(place.out, fileName), shard, kept, signal);
    for (const { name } of kept) shardOf.set(name, fileName);
    written += shard.size;
  }
  const index = join(place.out, INDEX_FILE);
  const text = `${JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(shardOf) })}\n`;
  await writeFile(index, text).catch((error: unknown) => {
    throw ioError(error, index, "cannot write");
  });
  return written + text.length;
}

/** What stays of the changes of layers that take the same inputs. */
async function keep(
  { values: inputs }: LinearInputs,
  drafts: readonly DraftTensor[],
  { files, config, s, work }: KeptPlace,
  { addon, signal, threads = 0 }: PrepareOptions,
): Promise<KeptTensor[]> {
  const run = { options: { signal, threads }, addon, made: () => {} };
  const weights = await EngineTensors.write(work, "weights", drafts.flatMap(bothOf), files.list, run);
  const layers = drafts.map(({ shape }, at) => {
    const [tuned, aligned] = [2 * at, 2 * at + 1].map((one) => ({ offset: weights.offset(one), ...matrixOf(shape) }));
    return { aligned, tuned } as { readonly aligned: typeof aligned & {}; readonly tuned: typeof tuned & {} };
  });
  const [{ name = "" } = {}] = drafts;
  const request = { path: weights.path, layers, inputs, transposed: isConv1d(name, config), s, threads };
  const made = await runJob(() => addon.keepSafeDelta(request), { signal }).catch((error: unknown) => {
    throw error instanceof RetemperError ? error.retold(error.message, { tensor: name }) : error;
  });
  await rm(weights.path, { force: true });
  return drafts.map(({ name, shape }, at): KeptTensor => {
    const { values } = made[at] as (typeof made)[number];
    return { name, shape, dtype: "F32", read: async () => values };
  });
}

/** F's matrix and A's, each by itself, as the plan of F - A reads them. */
function bothOf(change: DraftTensor): DraftTensor[] {
  return change.sources.map((source) => ({
    ...change,
    sources: [source],
    modelKeys: [0],
    params: { op: "linear", weights: [1], normalize: false },
    models: [],
  }));
}
