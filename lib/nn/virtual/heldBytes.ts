// What a merge takes whose weights are kept in memory.

import type { Checkpoint } from "../../checkpoint/types.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";

/** Bytes of all weights, for every lambda. */
export function heldBytes({ tensors }: Pick<Checkpoint, "tensors">, { lambdas = [0] }: VirtualMerge): number {
  let bytes = 0;
  for (const tensor of tensors.values()) bytes += tensor.bytes;
  return bytes * lambdas.length;
}
