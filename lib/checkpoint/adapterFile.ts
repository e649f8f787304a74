// The file of weights of an adapter's folder: adapter_model.safetensors, the index of its shards (transformers cuts adapters
// above a size), else what torch.save wrote.

import { dirname } from "node:path";
import { readPickle } from "./formats/pickle/readPickle.js";
import { type ModelFolder, openFolder, optionalFileOf } from "./modelFolder.js";
import type { Weights } from "./types.js";
import { type HeaderReader, readFile, readShards } from "./weights.js";

const INDEX = ".index.json";
const FILES = ["adapter_model.safetensors", "adapter_model.bin"].flatMap((name) => [name, name + INDEX]);

/** Its path, or that of its index; undefined where there is none. */
export async function findAdapterFile(folder: ModelFolder): Promise<string | undefined> {
  for (const name of FILES) {
    const path = await optionalFileOf(folder, name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/**
 * @param path what `findAdapterFile` found
 * @throws RetemperError BAD_INPUT or IO
 */
export async function readAdapterFile(path: string, addon: HeaderReader): Promise<Weights> {
  const read = async (file: string) => (file.endsWith(".bin") ? readPickle(file) : readFile(file, addon));
  if (!path.endsWith(INDEX)) return read(path);
  const suffix = path.endsWith(`.bin${INDEX}`) ? ".bin" : ".safetensors";
  return readShards(await openFolder(dirname(path)), path, suffix, read);
}
