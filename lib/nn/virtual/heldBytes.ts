// What the weights of a merge take in memory.

import type { NativeParams, NativeSource, NativeTensor } from "../../addon/nativePlan.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";

type Sized = Pick<VirtualMerge, "tensors" | "plan" | "files" | "quantised" | "fidelity">;

/** @param holds whether its own weights are kept; else all inputs are read again and again */
export function mergeBytes(merge: Sized, holds: boolean): number {
  if (holds) return heldBytes(merge) + (merge.quantised === undefined ? 0 : factorBytes(merge));
  return merge.files.reduce((sum, { size }) => sum + size, 0) + factorBytes(merge);
}

/**
 * Bytes of all weights that are kept, for every lambda or variant; copies are the same for all. Where products with blocks are
 * summed, it is the matrices of the inputs that are kept, once.
 */
export function heldBytes({ tensors, plan, quantised, fidelity }: Sized): number {
  const sums = quantised !== undefined && fidelity === "linear";
  const times = new Map<string, number>();
  for (const [name, groups] of byName(plan.tensors)) {
    // What is copied alone needs no sum.
    const copied = groups.length === 1 && groups.every(({ variants }) => isCopy(variants));
    const summed = sums && !copied && groups.every(isSum);
    times.set(name, summed ? matrices(groups) : copies(groups));
  }
  return tensors.reduce((sum, { name, bytes }) => sum + bytes * (times.get(name) ?? 1), 0);
}

/** Of copies of adapters' factors, as float32, where products are summed. */
function factorBytes({ plan, fidelity }: Sized): number {
  if (fidelity !== "linear") return 0;
  let bytes = 0;
  for (const groups of byName(plan.tensors).values()) {
    const terms = new Map<string, number>();
    for (const { rows, cols, lowRank } of groups.flatMap(partsOf)) {
      if (lowRank) terms.set(placeOf(lowRank.left), 4 * lowRank.rank * (rows + cols));
    }
    for (const size of terms.values()) bytes += size;
  }
  return bytes;
}

/** The tensors of one name: each has some of the variants. */
function byName(tensors: readonly NativeTensor[]): Map<string, NativeTensor[]> {
  const groups = new Map<string, NativeTensor[]>();
  for (const tensor of tensors) groups.set(tensor.name, [...(groups.get(tensor.name) ?? []), tensor]);
  return groups;
}

const partsOf = ({ sources }: Pick<NativeTensor, "sources">) => sources.flatMap(({ parts }) => parts);

const placeOf = ({ input, offset }: { readonly input: number; readonly offset: number }) => `${input} ${offset}`;

const isCopy = ([first]: NativeTensor["variants"]) => first?.params.op === "copy";

const matrices = (groups: readonly NativeTensor[]) => new Set(groups.flatMap(partsOf).map(placeOf)).size;

const copies = (groups: readonly NativeTensor[]) =>
  groups.reduce((sum, { variants }) => sum + (isCopy(variants) ? 1 : variants.length), 0);

/** Whether results are sums of the sources by factors; what depends on the tensors may find that they are not. */
function isSum({ form, sources, variants }: NativeTensor): boolean {
  return form?.blocks !== undefined && variants.every(({ params }) => addsUp(params)) && sources.every(isPlain);
}

function addsUp(params: NativeParams): boolean {
  if (params.op === "task_arithmetic") return params.sparsifier === "none" && !params.election;
  return ["copy", "linear", "slerp", "nuslerp", "multislerp", "karcher", "model_stock"].includes(params.op);
}

/** A stored matrix with no more than an adapter's product added. */
function isPlain({ parts: [part], gather }: NativeSource): boolean {
  const { castTo, dtype, lowRank, add, encoding } = part as NativeSource["parts"][number];
  if (gather || add || lowRank?.dora || lowRank?.groups || encoding?.view) return false;
  return castTo === undefined || (!lowRank && castTo === dtype);
}
