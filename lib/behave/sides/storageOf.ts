// How most of a model's weights are stored: the dtype or block format that holds the most elements of its matrices.

import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";

/** Nothing for a model without matrices. */
export function storageOf({ tensors }: Pick<Checkpoint, "tensors">): { storage?: string } {
  const counts = new Map<string, number>();
  for (const tensor of tensors.values()) {
    if (tensor.shape.length < 2) continue;
    const name = formatOf(tensor);
    counts.set(name, (counts.get(name) ?? 0) + elementsOf(tensor));
  }
  const [most] = [...counts].sort(([, x], [, y]) => y - x);
  return most === undefined ? {} : { storage: most[0] };
}

/** "BF16", "Q4_K", "FP8 (E4M3)", "INT4": how the tensor's values are stored. */
export function formatOf({ dtype, encoding }: StoredTensor): string {
  if (encoding === undefined || encoding.kind === "elements") return dtype;
  const { blocks, codes } = encoding;
  if (codes === undefined) return blocks ?? dtype;
  const { kind, packing } = codes;
  if (kind === "e4m3" || kind === "e5m2") return `FP8 (${kind.toUpperCase()})`;
  return kind === "table" ? `codes of ${packing.bits} bits` : `INT${packing.bits}`;
}
