// Two factors by the keys and shapes that PEFT saves them with.

import type { FactorRemainder } from "./adapterWork.js";
import type { KeptTensor } from "./assemble.js";
import type { Factors } from "./factors.js";
import type { LowRankTensor } from "./plannedAdapter.js";
import type { ScratchFile } from "./scratchFile.js";

const PREFIX = "base_model.model.";

type Factored = Pick<LowRankTensor, "name" | "module" | "shape" | "terms" | "isEmbedding" | "transposed">;

interface Kept {
  readonly tensors: readonly KeptTensor[];
  readonly remainder: FactorRemainder;
}

/** Puts the factors of a tensor aside. */
export async function keepFactors(tensor: Factored, factors: Factors, scratch: ScratchFile): Promise<Kept> {
  const { a, b } = factors;
  return keptFactors(tensor, factors, [await scratch.keep(a), await scratch.keep(b)]);
}

/** Factors that lie somewhere. @param read reads A, and B */
export function keptFactors(
  tensor: Factored,
  { a, b, rank, square, lost }: Omit<Factors, "a" | "b"> & Record<"a" | "b", { readonly length: number }>,
  read: readonly [KeptTensor["read"], KeptTensor["read"]],
): Kept {
  const { name, module, isEmbedding, transposed } = tensor;
  const [first, second] = isEmbedding ? ["lora_embedding_A", "lora_embedding_B"] : ["lora_A.weight", "lora_B.weight"];
  // Those of a convolution have more than two dimensions.
  const [term] = tensor.terms ?? [];
  const inner = term?.a.shape.slice(1) ?? [a.length / rank];
  const ones = term?.b.shape.slice(2) ?? [];
  const kept = (key: string, shape: readonly number[], at: 0 | 1): KeptTensor => {
    return { name: `${PREFIX}${module}.${key}`, dtype: "F32", shape, read: read[at] };
  };
  return {
    tensors: [kept(first as string, [rank, ...inner], 0), kept(second as string, [b.length / rank, rank, ...ones], 1)],
    remainder: { name, module, rank, square, lost, isTransposed: transposed && !isEmbedding },
  };
}
