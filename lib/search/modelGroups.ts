// The groups of an experiment's models: of the aligned one's tensors, with a group for all else where a tuning reaches it.

import { loadAddon } from "../addon/load.js";
import { locate } from "../checkpoint/locate.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { modelParts } from "../experiment/settings/modelParts.js";
import { type Grouping, groupsOf, type TensorGroup } from "./groups.js";

/**
 * What no group of layers holds (embeddings, head, last norm; by tensors, vectors of the layers too) is a group where one of the
 * fine-tuned models may differ in it: a whole model may everywhere, an adapter only in what it changes or adds.
 * @param tuned whole models, or the aligned one + an adapter
 * @throws RetemperError BAD_INPUT for a model or an adapter that cannot be read; INCOMPATIBLE for a model without layers; IO
 */
export async function modelGroups(
  aligned: string,
  tuned: readonly string[],
  { by, layers }: Pick<Grouping, "by" | "layers">,
): Promise<TensorGroup[]> {
  const opening = { addon: loadAddon(), decodes: true }; // names and shapes alone are looked at
  const path = await locate({ path: aligned });
  const { tensors } = await openCheckpoint({ text: aligned, path }, opening);
  const own = groupsOf(tensors.values(), { by, layers, outside: false });
  const held = (name: string) => own.some(({ filters }) => filters.some((filter) => name.includes(filter)));
  for (const model of tuned) {
    const [base, lora] = modelParts(model);
    if (lora) {
      const { adapter } = await openCheckpoint({ text: model, ...base, lora }, opening);
      const changed = [...(adapter?.effects.keys() ?? []), ...(adapter?.added.keys() ?? [])];
      if (changed.every(held)) continue;
    }
    return groupsOf(tensors.values(), { by, layers, outside: true });
  }
  return own;
}
