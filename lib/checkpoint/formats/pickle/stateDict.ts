// The tensors of a checkpoint by name: a dict of tensors, or one such dict among what a training saved beside it.

import { RetemperError } from "../../../errors.js";
import { listing } from "../../listing.js";
import { Dict, kindOf, type PickleValue, View } from "./values.js";

/** Where programs put the weights in a checkpoint that holds more. */
const PLACES = ["state_dict", "model_state_dict", "model", "module"];

/** @throws RetemperError BAD_INPUT for what is no dict of tensors, with the entries that are none */
export function stateDict(value: PickleValue, file: string): ReadonlyMap<string, View> {
  const hint = "Save the model's weights alone: torch.save(model.state_dict(), file), or save_pretrained.";
  if (!(value instanceof Dict)) {
    throw new RetemperError("BAD_INPUT", `holds ${kindOf(value)}, not a dict of tensors`, { file, hint });
  }
  const inner = PLACES.map((place) => value.entries.get(place)).find((one) => one instanceof Dict);
  const { entries } = inner instanceof Dict && !hasTensors(value) ? inner : value;
  const tensors = new Map<string, View>();
  const others: string[] = [];
  for (const [name, one] of entries) {
    if (one instanceof View && typeof name === "string") tensors.set(name, one);
    else if (one !== null)
      others.push(`${typeof name === "string" ? name.slice(0, 200) : kindOf(name)}: ${kindOf(one)}`);
  }
  if (others.length > 0) {
    throw new RetemperError("BAD_INPUT", `holds what is no tensor by a name:${listing(others)}`, { file, hint });
  }
  return tensors;
}

function hasTensors({ entries }: Dict): boolean {
  return [...entries.values()].some((one) => one instanceof View);
}
