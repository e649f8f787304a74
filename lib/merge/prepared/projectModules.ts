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
import type { ProjectedChange } from "./projectedChange.js";
import type { PrepareOptions } from "./types.js";

/** |V| below this is nothing. */
export const LEAST = 1e-9;

/**
 * @param folder for files of steps in between
 * @param scratch keeps each C B until it is known which are used
 */
export async function projectModules(
  modules: readonly AdapterModule[],
  {
    aligned,
    unaligned,
    tuned,
  }: { readonly aligned: Checkpoint; readonly unaligned: Checkpoint; readonly tuned: Checkpoint },
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
    modules.flatMap(({ a, b }) => [
      draft(a, [[tuned, "adapter", a]], ofAdapter),
      draft(b, [[tuned, "adapter", b]], ofAdapter),
    ]),
    ofAdapter.list,
    run,
  );
  const total = modules.reduce((sum, { weight }) => sum + 4 * elementsOf(weight), 0);
  let done = 0;
  const made: ProjectedChange[] = [];
  for (const [at, module] of modules.entries()) {
    signal?.throwIfAborted();
    const { weight, rank, transposed } = module;
    const files = new InputFiles();
    const other = unaligned.tensors.get(weight.name) as StoredTensor;
    const sources = [[aligned, "model", weight] as const, [unaligned, "model", other] as const];
    const change = await EngineTensors.write(folder, "change", [draft(weight, sources, files)], files.list, run);
    const [right, left] = (await factors.floats([2 * at, 2 * at + 1])) as [Float32Array, Float32Array];
    const place = { path: change.path, offset: change.offset(0), ...matrixOf(weight.shape) };
    const request = { ...place, transposed, rank, left, right, least: LEAST, threads };
    const found = await runJob(() => addon.selfProject(request), { signal }).catch((error: unknown) => {
      throw error instanceof RetemperError ? error.retold(error.message, { tensor: weight.name }) : error;
    });
    await rm(change.path, { force: true });
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

/** One tensor of a model as float32, or the first of two less the second. */
function draft(
  { name, shape }: StoredTensor,
  tensors: readonly (readonly [Checkpoint, "model" | "adapter", StoredTensor])[],
  files: InputFiles,
): DraftTensor {
  return {
    name,
    shape,
    compute: tensors.some(([, , { dtype }]) => dtype === "F64") ? "F64" : "F32",
    outDtype: "F32",
    sources: tensors.map(([checkpoint, from, stored]) => {
      return { parts: [{ ...files.range(checkpoint, from, stored), ...matrixOf(stored.shape) }] };
    }),
    modelKeys: tensors.map((_, at) => at),
    params: { op: "linear", weights: [1, -1].slice(0, tensors.length), normalize: false },
    models: [],
    identical: [],
  };
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
