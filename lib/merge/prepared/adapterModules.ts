// The modules of an adapter that a gate judges: matrices of layers whose change is a plain product B A.

import { layerOf } from "../../checkpoint/families.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { isLayerMatrix } from "../adapter/tensorChange.js";

export interface AdapterModule {
  /** The base's tensor. */
  readonly weight: StoredTensor;
  /** A [rank, inputs] and B [outputs, rank], in the adapter's files. */
  readonly a: StoredTensor;
  readonly b: StoredTensor;
  readonly rank: number;
  /** The base stores [inputs, outputs]. */
  readonly transposed: boolean;
}

export interface AdapterModules {
  /** By layers, and within these by names. */
  readonly modules: readonly AdapterModule[];
  readonly warnings: readonly string[];
}

/** Names of tensors by their layers, and within these by the alphabet. */
export function byLayers(x: string, y: string): number {
  const place = (name: string) => layerOf(name)?.index ?? 0;
  return place(x) - place(y) || (x < y ? -1 : 1);
}

/** @throws RetemperError INCOMPATIBLE for DoRA, whose change is no product */
export function adapterModules({ reference, tensors, adapter }: Checkpoint): AdapterModules {
  const modules: AdapterModule[] = [];
  const left: string[] = [];
  for (const [name, effect] of adapter?.effects ?? []) {
    if (effect.kind !== "lowRank") continue;
    const { term } = effect;
    if (term.dora) {
      throw new RetemperError(
        "INCOMPATIBLE",
        `${reference} is a DoRA adapter: its change is no product of two matrices`,
        {
          file: adapter?.folder,
          tensor: name,
          hint: "merge it with its base first (merge_method: passthrough), and name the merged model",
        },
      );
    }
    const weight = tensors.get(name) as StoredTensor;
    if (term.experts || effect.base || !isLayerMatrix(name, weight.shape)) {
      left.push(name);
      continue;
    }
    const { left: first, right: second, leftTransposed: transposed, rank } = term;
    const [a, b] = transposed ? [first, second] : [second, first];
    modules.push({ weight, a, b, rank, transposed });
  }
  modules.sort((x, y) => byLayers(x.weight.name, y.weight.name));
  const warnings =
    left.length === 0
      ? []
      : [
          `${reference}: no gate judges ${left.length} of its modules, which are no linear layers of blocks: ${left.join(", ")}`,
        ];
  return { modules, warnings };
}
