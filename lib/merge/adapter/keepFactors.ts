// Two factors by the keys and shapes that PEFT saves them with.

import type { FactorRemainder } from "./adapterWork.js";
import type { KeptTensor } from "./assemble.js";
import type { Factors } from "./factors.js";
import type { LowRankTensor } from "./plannedAdapter.js";
import type { ScratchFile } from "./scratchFile.js";

const PREFIX = "base_model.model.";

/** Puts the factors of a tensor aside. */
export async function keepFactors(
  tensor: Pick<LowRankTensor, "name" | "module" | "shape" | "terms" | "isEmbedding" | "transposed">,
  { a, b, rank, square, lost }: Factors,
  scratch: ScratchFile,
): Promise<{ readonly tensors: readonly KeptTensor[]; readonly remainder: FactorRemainder }> {
  const { name, module, isEmbedding, transposed } = tensor;
  const [first, second] = isEmbedding ? ["lora_embedding_A", "lora_embedding_B"] : ["lora_A.weight", "lora_B.weight"];
  // Those of a convolution have more than two dimensions.
  const [term] = tensor.terms ?? [];
  const inner = term?.a.shape.slice(1) ?? [a.length / rank];
  const ones = term?.b.shape.slice(2) ?? [];
  const kept = async (key: string, shape: readonly number[], values: Float32Array): Promise<KeptTensor> => {
    return { name: `${PREFIX}${module}.${key}`, dtype: "F32", shape, read: await scratch.keep(values) };
  };
  return {
    tensors: [
      await kept(first as string, [rank, ...inner], a),
      await kept(second as string, [b.length / rank, rank, ...ones], b),
    ],
    remainder: { name, module, rank, square, lost, isTransposed: transposed && !isEmbedding },
  };
}
