// Changes of one model against another as float32 matrices: planned as a merge of weights 1 and -1, so that adapters, shards and
// quantised weights are read as any merge reads them.

import type { Checkpoint } from "../../checkpoint/types.js";
import { buildPlan } from "../../plan/build.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { ModelReference, ParsedRecipe } from "../../recipe/types.js";

export interface PlannedChanges {
  /** By the names of the minuend. */
  readonly tensors: ReadonlyMap<string, DraftTensor>;
  readonly warnings: readonly string[];
}

/**
 * Plans minuend - subtrahend for every float tensor that both have in one shape.
 * @param of gives the checkpoint of each
 * @param files of the plan; several plans may share them
 */
export function plannedChanges(
  minuend: ModelReference,
  subtrahend: ModelReference,
  of: (model: ModelReference) => Checkpoint,
  files: InputFiles,
): PlannedChanges {
  const sources = [
    { model: minuend, parameters: { weight: [{ value: 1 }] } },
    { model: subtrahend, parameters: { weight: [{ value: -1 }] }, optional: true },
  ];
  const recipe: ParsedRecipe = {
    method: "linear",
    modules: [{ name: "", whole: true, parameters: {}, slices: [{ sources, parameters: {} }] }],
    parameters: { normalize: [{ value: false }] },
    written: { merge_method: "linear" },
    text: "",
    warnings: [],
  };
  const two = new Map([minuend, subtrahend].map((model) => [model.text, of(model)]));
  const { tensors, warnings } = buildPlan({ recipe, checkpoints: two, files });
  const own = of(minuend).tensors;
  const changes = tensors.filter(({ name, sources }) => sources.length === 2 && own.has(name));
  return { tensors: new Map(changes.map((draft) => [draft.name, { ...draft, outDtype: "F32" }])), warnings };
}
