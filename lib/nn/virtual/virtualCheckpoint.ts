// A virtual merge, as the checkpoint that it would be: names, shapes and dtypes, but no bytes.

import { openFolder } from "../../checkpoint/modelFolder.js";
import { readConfig } from "../../checkpoint/open.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";

/** Stands where a tensor's file would be named. */
export const IN_NO_FILE = -1;

/** @param source as the user wrote it */
export async function mergedCheckpoint(source: string, merge: VirtualMerge): Promise<Checkpoint> {
  const { config, configText } = await readConfig(await openFolder(merge.folder));
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape, dtype } of merge.tensors) {
    tensors.set(name, { name, shape, dtype, file: IN_NO_FILE, offset: 0, bytes: 0 });
  }
  return { reference: source, folder: merge.folder, files: merge.files, tensors, config, configText };
}
