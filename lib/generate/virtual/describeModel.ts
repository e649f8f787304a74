// How each tensor of an open model is evaluated.

import type { VirtualMerge } from "../../merge/virtualMerge.js";
import type { Decoder } from "../../nn/decoder.js";
import { weightsOf } from "../../nn/engines/runningEngine.js";
import type { ModelDescription } from "../types.js";

/** Tensors that the decoder does not use are left out. */
export function describeModel(
  { spec, virtualTensors = [] }: Pick<Decoder, "spec" | "virtualTensors">,
  merge: VirtualMerge | undefined,
): ModelDescription {
  const used = new Map(weightsOf(spec).map(({ stored }) => [stored.name, stored]));
  if (!merge) {
    const tensors = [...used.values()].map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
      how: "stored" as const,
    }));
    return { tensors };
  }
  const hows = new Map(virtualTensors.map(({ name, ...how }) => [name, how]));
  const { method, fidelity, lambdas, variants, tensors } = merge;
  return {
    method,
    fidelity,
    ...(lambdas && { lambdas }),
    ...(variants !== undefined && { variants }),
    tensors: tensors.flatMap((tensor) => {
      const how = hows.get(tensor.name);
      return how && used.has(tensor.name) ? [{ ...tensor, ...how }] : [];
    }),
  };
}
