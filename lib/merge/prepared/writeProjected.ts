// A checkpoint of the matrices whose change was projected: A + C D of each, as float32, and nothing else.

import { runJob } from "../../addon/job.js";
import type { NativeInput } from "../../addon/nativePlan.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { nativePlan } from "../../plan/build.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import { packShards } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { ScratchFile } from "../adapter/scratchFile.js";
import type { ProjectedChange } from "./projectedChange.js";
import type { PrepareOptions } from "./types.js";

/**
 * @param files of the ranges of what was planned
 * @param scratch holds what was projected
 * @param out an empty folder
 * @returns the bytes of the checkpoint
 */
export async function writeProjected(
  changes: readonly ProjectedChange[],
  files: InputFiles,
  scratch: ScratchFile,
  out: string,
  { addon, signal, threads = 0 }: PrepareOptions,
): Promise<number> {
  const inputs: NativeInput[] = [...files.list, await scratch.input()];
  const tensors: DraftTensor[] = [];
  for (const { weight, aligning, offset = 0 } of changes) {
    const { name, shape, dtype } = weight;
    // A as any merge reads it: with its adapter, and whatever it is stored as.
    const [base] = aligning.sources;
    const change = {
      input: inputs.length - 1,
      offset,
      dtype: "F32",
      count: elementsOf({ shape }),
      ...matrixOf(shape),
    } as const;
    tensors.push({
      name,
      shape,
      compute: dtype === "F64" ? "F64" : "F32",
      outDtype: "F32",
      sources: [base as NonNullable<typeof base>, { parts: [change] }],
      modelKeys: [0, 1],
      params: { op: "linear", weights: [1, 1], normalize: false },
      models: [],
      identical: [],
    });
  }
  const named = tensors.map(({ name, shape }) => ({ name, dtype: "F32" as const, shape }));
  const layout = packShards(named, Number.MAX_VALUE);
  const run = { seed: 0, threads, maxMemory: 0, reading: "auto", writing: "cached", fsync: false } as const;
  const plan = nativePlan({ tensors, inputs, layout }, out, run);
  await runJob((onProgress) => addon.merge(plan, onProgress), { signal });
  return layout.shards.reduce((sum, { size }) => sum + size, 0);
}
