// What a merge takes whose weights are kept in memory.

import type { VirtualMerge } from "../../merge/virtualMerge.js";

/** Bytes of all weights, for every lambda. */
export function heldBytes({ tensors, lambdas = [0] }: Pick<VirtualMerge, "tensors" | "lambdas">): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0) * lambdas.length;
}
