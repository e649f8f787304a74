// The file of weights of an adapter's folder: adapter_model.safetensors, else what torch.save wrote.

import { readPickle } from "./formats/pickle/readPickle.js";
import { type ModelFolder, optionalFileOf } from "./modelFolder.js";
import type { Weights } from "./types.js";
import { type HeaderReader, readFile } from "./weights.js";

/** Its path; undefined where there is none. */
export async function findAdapterFile(folder: ModelFolder): Promise<string | undefined> {
  return (await optionalFileOf(folder, "adapter_model.safetensors")) ?? optionalFileOf(folder, "adapter_model.bin");
}

/** @throws RetemperError BAD_INPUT or IO */
export async function readAdapterFile(path: string, addon: HeaderReader): Promise<Weights> {
  return path.endsWith(".bin") ? readPickle(path) : readFile(path, addon);
}
