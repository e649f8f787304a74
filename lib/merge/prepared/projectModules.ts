// What the projection on V = A - U makes of an adapter, one module at a time: C B for C = V V^T / |V|, and how much of the
// direction of B A is left. C is outputs x outputs and is never made.

import { rm } from "node:fs/promises";
import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import { EngineTensors } from "../adapter/engineTensors.js";
import type { ScratchFile } from "../adapter/scratchFile.js";
import type { AdapterModule } from "./adapterModules.js";
import type { PlannedChanges } from "./changes.js";
import { matrixPlan } from "./matrixPlan.js";
import type { ProjectedChange } from "./projectedChange.js";
import type { PrepareOptions } from "./types.js";

/** |V| below this is nothing. */
export const LEAST = 1e-9;

/**
 * @param aligning A - U of each tensor, adapters included, in ranges of `files`
 * @param folder for files of steps in between
 * @param scratch keeps each C B until it is known which are used
 */
export async function projectModules(
  modules: readonly AdapterModule[],
  { unaligned, tuned }: { readonly unaligned: Checkpoint; readonly tuned: Checkpoint },
  { tensors: aligning }: PlannedChanges,
  files: InputFiles,
  folder: string,
  scratch: ScratchFile,
  options: PrepareOptions,
): Promise<ProjectedChange[]> {
  refuseMisfits(
    modules.map(({ weight }) => weight),
    unaligned,
  );
  if (modules.length === 0) return [];
  const { addon, signal, threads = 0, onProgress } = options;
  const run = { options: { signal, threads }, addon, made: () => {} };
  const ofAdapter = new InputFiles();
  const factors = await EngineTensors.write(
    folder,
    "factors",
    modules.flatMap(({ a, b }) => [factor(a, tuned, ofAdapter), factor(b, tuned, ofAdapter)]),
    ofAdapter.list,
    run,
  );
  const total = modules.reduce((sum, { weight }) => sum + 4 * elementsOf(weight), 0);
  let done = 0;
  const made: ProjectedChange[] = [];
  for (const [at, module] of modules.entries()) {
    signal?.throwIfAborted();
    const { weight, rank, transposed } = module;
    const planned = plannedOf(aligning, weight.name, unaligned);
    const [right, left] = (await factors.floats([2 * at, 2 * at + 1])) as [Float32Array, Float32Array];
    const plan = matrixPlan([planned], files.list);
    const request = { plan, transposed, rank, left, right, least: LEAST, threads };
    const found = await runJob(() => addon.selfProject(request), { signal }).catch((error: unknown) => {
      throw error instanceof RetemperError ? error.retold(error.message, { tensor: weight.name }) : error;
    });
    const judged = found.norm >= LEAST;
    const projected = await scratch.keep(found.left);
    made.push({ weight, b: module.b, judged, rho: rounded(found.cosine), projected });
    done += 4 * elementsOf(weight);
    onProgress?.({ done, total });
  }
  await rm(factors.path, { force: true });
  return made;
}

/** Five digits behind the point; no -0. */
export function rounded(cosine: number): number {
  return Number(cosine.toFixed(5)) + 0;
}

/** One tensor of a model's adapter as float32. */
function factor(tensor: StoredTensor, tuned: Checkpoint, files: InputFiles): DraftTensor {
  const { name, shape, dtype } = tensor;
  return {
    name,
    shape,
    compute: dtype === "F64" ? "F64" : "F32",
    outDtype: "F32",
    sources: [{ parts: [{ ...files.range(tuned, "adapter", tensor), ...matrixOf(shape) }] }],
    modelKeys: [0],
    params: { op: "linear", weights: [1], normalize: false },
    models: [],
    identical: [],
  };
}

/** @throws RetemperError INCOMPATIBLE that names the tensor where the other model lacks it or has it in another shape */
export function plannedOf(changes: PlannedChanges["tensors"], name: string, other: Checkpoint): DraftTensor {
  const planned = changes.get(name);
  if (planned) return planned;
  throw new RetemperError(
    "INCOMPATIBLE",
    `${other.reference} has no ${name} of the shape and kind that base_model has`,
    {
      file: other.folder,
      tensor: name,
      hint: "a projection needs every matrix of the base's layers in all three models",
    },
  );
}

/** @throws RetemperError INCOMPATIBLE where the unaligned model has not these tensors in these shapes */
export function refuseMisfits(weights: readonly StoredTensor[], unaligned: Checkpoint): void {
  const wrong = weights.filter(({ name, shape }) => String(unaligned.tensors.get(name)?.shape) !== String(shape));
  const [first] = wrong;
  if (!first) return;
  const { name, shape } = first;
  const found = unaligned.tensors.get(name)?.shape;
  const more = wrong.length > 1 ? `, and ${wrong.length - 1} more do not fit` : "";
  throw new RetemperError(
    "INCOMPATIBLE",
    `the unaligned model ${unaligned.reference} has ${found ? `${name} as [${found.join(", ")}], not [${shape.join(", ")}]` : `no ${name}`}${more}`,
    { file: unaligned.folder, tensor: name, hint: "unaligned_model is the model that base_model was aligned from" },
  );
}
