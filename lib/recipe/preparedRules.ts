// The rules of methods made for safety: which further models a recipe names, and what it cannot be.

import type { LayoutContext, PlacedModule } from "./layout.js";
import { METHODS } from "./methods.js";
import { sameModel } from "./modelReference.js";
import type { ModelReference, Parameters } from "./types.js";

export interface PreparedInput {
  readonly modules: readonly PlacedModule[];
  readonly baseModel: ModelReference | undefined;
  readonly unalignedModel: ModelReference | undefined;
  readonly safeModel: ModelReference | undefined;
  readonly parameters: Parameters;
}

/** Checks `unaligned_model` and `safe_model` against what the method takes; of these methods also the layout. */
export function checkPrepared(input: PreparedInput, { method, problems }: LayoutContext): void {
  const { prepared } = METHODS[method];
  const { baseModel, unalignedModel, safeModel, parameters } = input;
  const further = [
    ["unaligned_model", unalignedModel, prepared?.unaligned, "the model that the base model was aligned from"],
    ["safe_model", safeModel, prepared?.safe, "the base model with an adapter that was tuned on safe rows"],
  ] as const;
  for (const [key, model, isNeeded, what] of further) {
    if (isNeeded && !model) {
      problems.add([], `${method} needs ${key === "safe_model" ? "a" : "an"} \`${key}\``, `add \`${key}: …\`, ${what}`);
    } else if (model && !isNeeded) problems.warn(`\`${key}\` is not used by ${method}: it is ignored`);
    else if (model && baseModel && sameModel(model, baseModel)) {
      problems.add([key], `${model.text} is the base model: nothing is between the two`, `name ${what}`);
    }
  }
  if (!prepared) return;
  if (input.modules.some(({ name, whole }) => name !== "" || !whole)) {
    problems.add([], `${method} merges whole models`, "list them under `models`, without slices and modules");
  }
  if (Object.hasOwn(parameters, "threshold") && Object.hasOwn(parameters, "number")) {
    problems.add(
      ["parameters", "number"],
      "`threshold` and `number` both say which modules are gated",
      "leave one out",
    );
  }
  for (const [name, { constant }] of Object.entries(METHODS[method].global)) {
    const [first, ...others] = parameters[name] ?? [];
    const isOne = others.length === 0 && typeof first?.value !== "object" && first?.filter === undefined;
    if (constant && !isOne) {
      problems.add(
        ["parameters", name],
        `\`${name}\` of ${method} is one value for all tensors, without filter and gradient`,
      );
    }
  }
}
