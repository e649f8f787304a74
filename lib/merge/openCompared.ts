// Models that are compared tensor by tensor: opened and matched as the inputs of a merge are.

import type { NativeInput } from "../addon/nativePlan.js";
import type { Addon } from "../addon/surface.js";
import type { DownloadOptions } from "../checkpoint/obtain.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { buildPlan } from "../plan/build.js";
import type { DraftTensor } from "../plan/tensors.js";
import { loadRecipe } from "../recipe/load.js";
import { obtainInputs } from "./obtainInputs.js";

/** How models that are compared are found and read. */
export interface DistanceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Worker threads; 0 or undefined = one for each available core. */
  readonly threads?: number | undefined;
  /** The hub cache to look models up in. */
  readonly transformersCache?: string | undefined;
  /** How models are downloaded that are not on this machine. */
  readonly hub?: DownloadOptions | undefined;
}

export interface Compared {
  readonly inputs: readonly NativeInput[];
  /** Those that all models store; one source a model, in their order. */
  readonly tensors: readonly DraftTensor[];
  /** Names of tensors that only some models store, and of integer buffers, which must be equal. */
  readonly leftOut: readonly string[];
}

/** @throws RetemperError as opening and planning a merge do */
export async function openCompared(
  models: readonly string[],
  options: DistanceOptions,
  addon: Addon,
): Promise<Compared> {
  // The operands of a plain average are the models' tensors, matched, with their adapters: what is to be compared.
  const recipe = await loadRecipe({
    merge_method: "linear",
    models: models.map((model) => ({ model, parameters: { weight: 1 } })),
  });
  await obtainInputs(recipe, options);
  const references = recipe.modules.flatMap(({ slices }) => slices.flatMap(({ sources }) => sources));
  const { transformersCache: cache } = options;
  const checkpoints = new Map(
    await Promise.all(
      references.map(async ({ model }) => {
        return [model.text, await openCheckpoint(model, { addon, cache, decodes: true })] as const;
      }),
    ),
  );
  const { inputs, tensors } = buildPlan({ recipe, checkpoints });
  const inAll = ({ sources }: DraftTensor) => sources.length === models.length;
  return {
    inputs,
    tensors: tensors.filter(inAll),
    leftOut: tensors.filter((tensor) => !inAll(tensor)).map(({ name }) => name),
  };
}
