// A planned merge with the values of its GGUF file, for merges that are opened and not written: matrices in blocks.

import type { BuiltPlan } from "../../../plan/build.js";
import { blocksPlan } from "../../../plan/gguf/ggufPlan.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../../../plan/gguf/quantise.js";
import type { OpenModels } from "../../models.js";
import { ggufModel } from "./ggufModel.js";

/** Quantisations of GGUF files whose matrices are in blocks. */
export type BlockQuantisation = Exclude<GgufQuantisation, "f32" | "f16" | "bf16">;

const NUMBERS: readonly string[] = ["f32", "f16", "bf16"] satisfies Exclude<GgufQuantisation, BlockQuantisation>[];

export const BLOCK_QUANTISATIONS = Object.keys(GGUF_QUANTISATIONS).filter(
  (name) => !NUMBERS.includes(name),
) as BlockQuantisation[];

/** @throws RetemperError INCOMPATIBLE for a model or a tensor that GGUF files do not have. */
export function inBlocks(built: BuiltPlan, { leader }: OpenModels, quantise: BlockQuantisation): BuiltPlan {
  const { family, heads, layers } = ggufModel(built, leader, "leave weights out");
  return blocksPlan(built, { family, heads, layers, quantise });
}
