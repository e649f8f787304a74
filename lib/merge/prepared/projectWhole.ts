// What the projection on V = A - U makes of the change of a whole model, one matrix of a layer at a time: C D for C = V V^T / |V|,
// and how much of D's direction is left.

import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { isFloat } from "../../plan/dtypes.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { Shard } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import { isConv1d } from "../adapter/adapterPlan.js";
import { isLayerMatrix } from "../adapter/tensorChange.js";
import { byLayers } from "./adapterModules.js";
import type { PlannedChanges } from "./changes.js";
import { matrixPlan } from "./matrixPlan.js";
import type { ProjectedChange } from "./projectedChange.js";
import { beginShard, shardsOf } from "./projectedShards.js";
import { LEAST, plannedOf, refuseMisfits, rounded } from "./projectModules.js";
import type { PrepareOptions } from "./types.js";

interface Roles {
  readonly aligned: Checkpoint;
  readonly unaligned: Checkpoint;
  readonly tuned: Checkpoint;
}

/**
 * @param aligning A - U, and `tuning` F - A, of each tensor: adapters and quantised weights included, in ranges of `files`
 * @param into an empty folder for A + C D of each (projectedShards.ts); undefined: only the cosines are wanted
 */
export async function projectWhole(
  { aligned, unaligned, tuned }: Roles,
  { aligning, tuning }: { readonly aligning: PlannedChanges; readonly tuning: PlannedChanges },
  files: InputFiles,
  into: string | undefined,
  options: PrepareOptions,
): Promise<ProjectedChange[]> {
  const { addon, signal, threads = 0, onProgress } = options;
  const weights = [...aligned.tensors.values()]
    .filter(({ name, shape, dtype }) => isLayerMatrix(name, shape) && isFloat(dtype))
    .sort((x, y) => byLayers(x.name, y.name));
  refuseMisfits(weights, unaligned);
  const total = weights.reduce((sum, { shape }) => sum + 4 * elementsOf({ shape }), 0);
  const { shards } = shardsOf(weights).layout;
  let done = 0;
  const made: ProjectedChange[] = [];
  for (const [at, weight] of weights.entries()) {
    signal?.throwIfAborted();
    const { name, shape } = weight;
    const planned = plannedOf(aligning.tensors, name, unaligned);
    const both = [planned, plannedOf(tuning.tensors, name, tuned)];
    const plan = matrixPlan(into === undefined ? both : [...both, minuendOf(planned)], files.list);
    const place = into === undefined ? {} : await beginShard(into, shards[at] as Shard);
    const request = { plan, transposed: isConv1d(name, aligned.config), ...place, threads };
    const found = await runJob(() => addon.project(request), { signal }).catch((error: unknown) => {
      throw error instanceof RetemperError ? error.retold(error.message, { tensor: name }) : error;
    });
    const lengths = Math.sqrt(found.square * found.projected);
    const judged = found.norm >= LEAST && found.square > 0;
    const rho = rounded(lengths > 0 ? found.dot / lengths : 0);
    made.push({ weight, rho, judged });
    done += 4 * elementsOf({ shape });
    onProgress?.({ done, total });
  }
  return made;
}

/** A alone of A - U: as any merge reads it, with its adapter, and whatever it is stored as. */
function minuendOf(change: DraftTensor): DraftTensor {
  const { sources, modelKeys } = change;
  return {
    ...change,
    sources: sources.slice(0, 1),
    modelKeys: modelKeys.slice(0, 1),
    params: { op: "linear", weights: [1], normalize: false },
  };
}
