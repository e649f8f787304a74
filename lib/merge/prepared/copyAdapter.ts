// An adapter as it is, but for some of its factors: the same settings, and the same bytes where nothing is replaced.

import { createReadStream } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Addon } from "../../addon/surface.js";
import { findAdapterFile, readAdapterFile } from "../../checkpoint/adapterFile.js";
import { knownDtypes } from "../../checkpoint/knownDtypes.js";
import { fileOf, openFolder } from "../../checkpoint/modelFolder.js";
import type { Checkpoint, StoredFile, StoredTensor } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import { packShards, type Shard } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import { ADAPTER_FILE } from "../adapter/adapterFile.js";
import { assemble, type KeptTensor } from "../adapter/assemble.js";
import { EngineTensors } from "../adapter/engineTensors.js";

const CONFIG_FILE = "adapter_config.json";

/**
 * @param out the new adapter's folder; absent
 * @param replaced float32 values by the keys of the adapter's file
 * @returns the bytes of its tensors' file
 */
export async function copyAdapter(
  located: string,
  out: string,
  replaced: ReadonlyMap<string, () => Promise<Float32Array>>,
  { addon, signal }: { readonly addon: Addon; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  const folder = await openFolder(located);
  const path = (await findAdapterFile(folder)) ?? (await fileOf(folder, ADAPTER_FILE));
  const weights = await readAdapterFile(path, addon);
  const stored = [...knownDtypes(weights.tensors, path).values()];
  try {
    await mkdir(out);
    await copyFile(await fileOf(folder, CONFIG_FILE), join(out, CONFIG_FILE));
  } catch (error) {
    throw ioError(error, out, "cannot write");
  }
  const plain = await inPlainOrder(stored, weights.files, out, { addon, signal });
  const tensors = stored.map((tensor): KeptTensor => {
    const { name, shape, dtype } = tensor;
    const read = replaced.get(name);
    if (read) return { name, shape, dtype: "F32", read };
    return { name, shape, dtype, read: plain.get(name) ?? bytesOf(tensor, weights.files) };
  });
  const [shard] = packShards(tensors, Number.MAX_VALUE).shards;
  await assemble(join(out, ADAPTER_FILE), shard as Shard, tensors, signal);
  return (shard as Shard).size;
}

function bytesOf({ file, offset, bytes }: StoredTensor, files: readonly StoredFile[]): KeptTensor["read"] {
  const { path } = files[file] as StoredFile;
  // The end that a stream takes is the last byte, which nothing of no length has.
  return async () =>
    bytes === 0 ? new Float32Array(0) : createReadStream(path, { start: offset, end: offset + bytes - 1 });
}

/** What torch.save stored as a view of other values is made by the engine. */
async function inPlainOrder(
  tensors: readonly StoredTensor[],
  files: readonly StoredFile[],
  folder: string,
  { addon, signal }: { readonly addon: Addon; readonly signal?: AbortSignal | undefined },
): Promise<ReadonlyMap<string, KeptTensor["read"]>> {
  const encoded = tensors.filter(({ encoding }) => encoding !== undefined);
  if (encoded.length === 0) return new Map();
  const inputs = new InputFiles();
  const only = { reference: folder, folder, files, tensors: new Map(), config: {} } satisfies Checkpoint;
  const drafts = encoded.map((tensor): DraftTensor => {
    return {
      name: tensor.name,
      shape: tensor.shape,
      compute: tensor.dtype === "F64" ? "F64" : "F32",
      outDtype: tensor.dtype,
      sources: [{ parts: [{ ...inputs.range(only, "model", tensor), ...matrixOf(tensor.shape) }] }],
      modelKeys: [0],
      params: { op: "linear", weights: [1], normalize: false },
      models: [],
      identical: [],
    };
  });
  const run = { options: { signal }, addon, made: () => {} };
  const made = await EngineTensors.write(folder, "plain", drafts, inputs.list, run);
  return new Map(
    encoded.map(({ name }, at) => {
      const [start, bytes] = [made.offset(at), made.bytes(at)];
      return [name, async () => createReadStream(made.path, { start, end: start + bytes - 1 })];
    }),
  );
}
