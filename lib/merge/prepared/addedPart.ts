// A made low-rank part: the model that it lies on, and the term of the ordinary recipe that it is.

import type { Checkpoint } from "../../checkpoint/types.js";
import type { ConditionalValue, ModelReference } from "../../recipe/types.js";
import type { AdapterBase } from "../adapter/adapterBase.js";
import type { SumTerm } from "./sumRecipe.js";

/**
 * Terms of a sum on `aligned` that add weight x the part; none where no part was made, as where nothing changes.
 * @param part its name among the made models
 */
export function addedPart(
  aligned: ModelReference,
  part: string,
  models: Readonly<Record<string, string>>,
  weight: readonly ConditionalValue[],
): SumTerm[] {
  if (!Object.hasOwn(models, part)) return [];
  const base = withoutAdapter(aligned);
  const added: SumTerm = { model: { ...base, text: `${base.text}+${part}`, lora: { path: part } }, weight };
  if (aligned.lora === undefined) return [added];
  // The part lies on the model without its adapter: what is subtracted is that model.
  const without = weight.map(({ value, ...rest }): ConditionalValue => {
    return { ...rest, value: typeof value === "object" ? value.map((one) => -Number(one)) : -Number(value) };
  });
  return [added, { model: base, weight: without }];
}

/** The model that a part for `aligned` lies on: without its adapter, where it has one. */
export function bareModel(aligned: ModelReference, of: (model: ModelReference) => Checkpoint): AdapterBase {
  const { adapter: _adapter, ...checkpoint } = of(aligned);
  return { reference: withoutAdapter(aligned), checkpoint };
}

function withoutAdapter({ lora: _lora, text: _text, ...base }: ModelReference): ModelReference {
  return { ...base, text: `${base.path}${base.revision === undefined ? "" : `@${base.revision}`}` };
}
