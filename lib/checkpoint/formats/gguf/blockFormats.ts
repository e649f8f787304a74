// The types that tensors of a GGUF file have: their numbers, and the sizes of their blocks. Those of blocks, and our own, are
// the same as in native/core/block_format.h.

import type { Dtype } from "../../../addon/dtype.js";
import type { BlockFormatName, WrittenBlocks } from "../../../addon/nativePlan.js";

/** A type as GGUF numbers it. A type of blocks decodes to F32. */
export interface GgufType {
  readonly id: number;
  readonly name: string;
  /** Elements and bytes of a block; plain elements are blocks of one. */
  readonly elements: number;
  readonly bytes: number;
  readonly dtype: Dtype;
  /** Where the elements lie in blocks. */
  readonly blocks?: BlockFormatName;
}

const plain = (id: number, name: Dtype, bytes: number): GgufType => ({ id, name, elements: 1, bytes, dtype: name });
const blocks = (id: number, name: BlockFormatName, elements: number, bytes: number): GgufType => {
  return { id, name, elements, bytes, dtype: "F32", blocks: name };
};

/** Every type that is read. */
export const GGUF_TYPES: readonly GgufType[] = [
  plain(0, "F32", 4),
  plain(1, "F16", 2),
  plain(30, "BF16", 2),
  plain(28, "F64", 8),
  blocks(8, "Q8_0", 32, 34),
  blocks(2, "Q4_0", 32, 18),
  blocks(3, "Q4_1", 32, 20),
  blocks(6, "Q5_0", 32, 22),
  blocks(7, "Q5_1", 32, 24),
  blocks(12, "Q4_K", 256, 144),
  blocks(13, "Q5_K", 256, 176),
  blocks(14, "Q6_K", 256, 210),
];

const BY_NAME = new Map<string, Pick<GgufType, "elements" | "bytes">>([
  ...GGUF_TYPES.map((type) => [type.name, type] as const),
  ...[32, 64, 128].flatMap((elements) =>
    [8, 4].map((bits) => [`INT${bits}_${elements}`, { elements, bytes: 2 + (elements * bits) / 8 }] as const),
  ),
]);

/** Bytes of so many elements, which are whole blocks. */
export function blockBytes(format: BlockFormatName | WrittenBlocks, elements: number): number {
  const { elements: each, bytes } = BY_NAME.get(format) as Pick<GgufType, "elements" | "bytes">;
  return (elements / each) * bytes;
}
