// What the projection on V = A - U makes of the change of a whole model, one matrix of a layer at a time: C D for C = V V^T / |V|,
// and how much of D's direction is left.

import { rm } from "node:fs/promises";
import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { buildPlan } from "../../plan/build.js";
import { isFloat } from "../../plan/dtypes.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { isConv1d } from "../adapter/adapterPlan.js";
import { EngineTensors } from "../adapter/engineTensors.js";
import type { ScratchFile } from "../adapter/scratchFile.js";
import { isLayerMatrix } from "../adapter/tensorChange.js";
import { byLayers } from "./adapterModules.js";
import type { ProjectedChange } from "./projectedChange.js";
import { LEAST, refuseMisfits, rounded } from "./projectModules.js";
import { constant, sumRecipe } from "./sumRecipe.js";
import type { PrepareOptions } from "./types.js";

interface Roles {
  readonly aligned: Checkpoint;
  readonly unaligned: Checkpoint;
  readonly tuned: Checkpoint;
}

/**
 * @param folder for files of steps in between
 * @param scratch keeps each C D until it is known which are used
 */
export async function projectWhole(
  recipe: ParsedRecipe,
  { aligned, unaligned, tuned }: Roles,
  folder: string,
  scratch: ScratchFile,
  options: PrepareOptions,
): Promise<ProjectedChange[]> {
  const { addon, signal, threads = 0, onProgress } = options;
  const weights = [...aligned.tensors.values()]
    .filter(({ name, shape, dtype }) => isLayerMatrix(name, shape) && isFloat(dtype))
    .sort((x, y) => byLayers(x.name, y.name));
  refuseMisfits(weights, unaligned);
  const files = new InputFiles();
  const aligning = differences(recipe, aligned, unaligned, files);
  const tuning = differences(recipe, tuned, aligned, files);
  const run = { options: { signal, threads }, addon, made: () => {} };
  const total = weights.reduce((sum, { shape }) => sum + 4 * elementsOf({ shape }), 0);
  let done = 0;
  const made: ProjectedChange[] = [];
  for (const weight of weights) {
    signal?.throwIfAborted();
    const { name, shape } = weight;
    const both = [aligning.get(name), tuning.get(name)] as [DraftTensor, DraftTensor];
    const changes = await EngineTensors.write(folder, "changes", both, files.list, run);
    const [change, tensor] = [0, 1].map((at) => ({ offset: changes.offset(at), ...matrixOf(shape) }));
    const request = { path: changes.path, change, tensor, transposed: isConv1d(name, aligned.config), threads };
    const found = await runJob(() => addon.project(request as Parameters<typeof addon.project>[0]), { signal }).catch(
      (error: unknown) => {
        throw error instanceof RetemperError ? error.retold(error.message, { tensor: name }) : error;
      },
    );
    await rm(changes.path, { force: true });
    const lengths = Math.sqrt(found.square * found.projected);
    const judged = found.norm >= LEAST && found.square > 0;
    const rho = rounded(lengths > 0 ? found.dot / lengths : 0);
    made.push({ weight, rho, judged, projected: await scratch.keep(found.values) });
    done += 4 * elementsOf({ shape });
    onProgress?.({ done, total });
  }
  return made;
}

/** Each tensor of one model less that of another, as a plan makes it: adapters and quantised weights included. */
function differences(
  { baseModel: _base, ...recipe }: ParsedRecipe,
  more: Checkpoint,
  less: Checkpoint,
  files: InputFiles,
): ReadonlyMap<string, DraftTensor> {
  const model = ({ reference }: Checkpoint) => ({ text: reference, path: reference });
  const sum = sumRecipe(
    { ...recipe, dtype: "float32", outDtype: "float32" },
    "linear",
    [
      { model: model(more), weight: constant(1) },
      { model: model(less), weight: constant(-1), optional: true },
    ],
    { normalize: [{ value: false }] },
  );
  const checkpoints = new Map([more, less].map((checkpoint) => [checkpoint.reference, checkpoint]));
  const { tensors } = buildPlan({ recipe: sum, checkpoints, files });
  return new Map(tensors.map((draft) => [draft.name, draft]));
}
