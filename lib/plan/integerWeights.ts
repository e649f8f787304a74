// Weights as whole numbers of 8 or 4 bits that share scales: our own formats, which no file has (native/core/block_format.h).

import type { IntegerBlocks } from "../addon/nativePlan.js";
import { isProductMatrix } from "./gguf/quantise.js";

/** `int8`: a scale for each output; `int4…`: one for each 32, 64 or 128 inputs of an output. */
export type IntegerWeights = "int8" | "int4" | "int4_64" | "int4_128";

const GROUPS = [128, 64, 32] as const;

/** Inputs that share a scale, at most; of int8 a scale is a whole row's, and stored once for so many. */
const LARGEST: Readonly<Record<IntegerWeights, number>> = { int8: 128, int4: 32, int4_64: 64, int4_128: 128 };

export const INTEGER_WEIGHTS = Object.keys(LARGEST) as IntegerWeights[];

/**
 * The blocks that a tensor is put into: the largest whose number divides a row. The embedding and the head keep 8 bits. Nothing for what
 * is no matrix of products, and for rows of no whole 32.
 * @param name of the tensor in a GGUF file, where all families have the same
 */
export function integerBlocks(
  name: string,
  shape: readonly number[],
  weights: IntegerWeights,
): IntegerBlocks | undefined {
  if (!isProductMatrix(name, shape)) return undefined;
  const ends = name === "token_embd.weight" || name === "output.weight";
  const kept = ends ? "int8" : weights;
  const group = GROUPS.find((size) => size <= LARGEST[kept] && (shape.at(-1) ?? 1) % size === 0);
  return group && `INT${kept === "int8" ? 8 : 4}_${group}`;
}
