// What a merge takes whose weights are kept in memory.

import type { VirtualMerge } from "../../merge/virtualMerge.js";

/** Bytes of all weights, for every lambda or variant. */
export function heldBytes({ tensors, plan }: Pick<VirtualMerge, "tensors" | "plan">): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0) * plan.outputs.length;
}
