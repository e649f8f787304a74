// What a merge takes whose weights are kept in memory.

import type { NativeParams } from "../../addon/nativePlan.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";

/**
 * Bytes of all weights, for every lambda or variant; copies are the same for all. Where products with blocks are summed, it is the
 * matrices of the inputs that are kept, once.
 */
export function heldBytes({
  tensors,
  plan,
  quantised,
  fidelity,
}: Pick<VirtualMerge, "tensors" | "plan" | "quantised" | "fidelity">): number {
  const sums = quantised !== undefined && fidelity === "linear";
  const times = new Map<string, number>();
  const sources = new Map<string, Set<string>>();
  for (const { name, variants, sources: own, form } of plan.tensors) {
    const [params] = variants.map((variant) => variant.params) as [NativeParams];
    const known = sources.get(name) ?? new Set();
    sources.set(name, known);
    for (const { parts } of own) for (const { input, offset } of parts) known.add(`${input} ${offset}`);
    const summed = sums && form?.blocks !== undefined && isSum(params);
    const each = params.op === "copy" ? 1 : variants.length;
    times.set(name, summed ? known.size : (times.get(name) ?? 0) + each);
  }
  return tensors.reduce((sum, { name, bytes }) => sum + bytes * (times.get(name) ?? 1), 0);
}

/** Whether a result is a sum of the sources by factors; what depends on the tensors may find that it is not. */
function isSum(params: NativeParams): boolean {
  if (params.op === "task_arithmetic") return params.sparsifier === "none" && !params.election;
  return ["linear", "slerp", "nuslerp", "multislerp", "karcher", "model_stock"].includes(params.op);
}
