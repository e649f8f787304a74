// The model that an adapter out of a merge lies on: the one whole model that the others are adapters of, or changes of.

import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import type { HeaderReader } from "../../checkpoint/weights.js";
import type { ModelReference } from "../../recipe/types.js";
import type { OpenModels } from "../models.js";
import type { PlanOptions } from "../options.js";

export interface AdapterBase {
  /** Without an adapter. */
  readonly reference: ModelReference;
  readonly checkpoint: Checkpoint;
}

/**
 * The base of a merge's adapter: the recipe's base model, else its first one, each without its own adapter.
 * @param leader the model that gives the configuration
 */
export async function adapterBase(
  { checkpoints, references, leader }: OpenModels,
  { transformersCache: cache, models: named }: PlanOptions,
  addon: HeaderReader,
): Promise<AdapterBase> {
  const { path, revision, overrideArchitecture } = references.get(leader.reference) as ModelReference;
  const text = revision === undefined ? path : `${path}@${revision}`;
  const reference: ModelReference = {
    text,
    path,
    ...(revision !== undefined && { revision }),
    ...(overrideArchitecture !== undefined && { overrideArchitecture }),
  };
  const open = [...references.values()].find((one) => !one.lora && one.path === path && one.revision === revision);
  const checkpoint = open && checkpoints.get(open.text);
  return { reference, checkpoint: checkpoint ?? (await openCheckpoint(reference, { addon, cache, named })) };
}
