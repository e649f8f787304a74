// A planned merge with its matrices in blocks, for merges that are opened and not written: with the values of its GGUF file, or as
// whole numbers that share scales.

import type { BuiltPlan } from "../../../plan/build.js";
import { blocksPlan } from "../../../plan/gguf/ggufPlan.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../../../plan/gguf/quantise.js";
import { INTEGER_WEIGHTS, type IntegerWeights } from "../../../plan/integerWeights.js";
import type { OpenModels } from "../../models.js";
import { ggufModel } from "./ggufModel.js";

/** Quantisations of GGUF files whose matrices are in blocks, and our own, which no file has. */
export type BlockQuantisation = Exclude<GgufQuantisation, "f32" | "f16" | "bf16"> | IntegerWeights;

const NUMBERS: readonly string[] = ["f32", "f16", "bf16"] satisfies Exclude<GgufQuantisation, BlockQuantisation>[];

/** What `weights` of `openModel` may be put into. */
export const BLOCK_QUANTISATIONS: readonly BlockQuantisation[] = [
  ...Object.keys(GGUF_QUANTISATIONS),
  ...INTEGER_WEIGHTS,
].filter((name) => !NUMBERS.includes(name)) as BlockQuantisation[];

/** @throws RetemperError INCOMPATIBLE for a model or a tensor that GGUF files do not have. */
export function inBlocks(built: BuiltPlan, { leader }: OpenModels, quantise: BlockQuantisation): BuiltPlan {
  return blocksPlan(built, ggufModel(built, leader, "leave weights out"), quantise);
}
