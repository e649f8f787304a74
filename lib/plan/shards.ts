// Lays the output tensors out in safetensors files: which file, which offset, and the exact header bytes.

import type { Dtype } from "../addon/dtype.js";
import type { Fp8Codes, NativeTensor } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import { RetemperError } from "../errors.js";
import { elementSize } from "./dtypes.js";

/** Data sections start at a multiple of this, so that they can be mapped and written without a copy. */
const ALIGNMENT = 4096;
/** The format's own limit on the length of a header. */
const HEADER_LIMIT = 100_000_000;
/** Decimal 5 GB, what the hub and the established tools use. */
export const DEFAULT_SHARD_SIZE = 5_000_000_000;

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

export interface OutputTensor {
  readonly name: string;
  readonly dtype: Dtype | Fp8Codes;
  readonly shape: readonly number[];
}

/** A planned tensor as its file's header has it. */
export function outputTensor({ name, outDtype, form, shape }: Omit<NativeTensor, "variants">): OutputTensor {
  return { name, dtype: form?.codes ?? outDtype, shape };
}

export interface PlacedTensor {
  /** Index into the tensors that were packed. */
  readonly tensor: number;
  /** Absolute offset in the file. */
  readonly offset: number;
}

export interface Shard {
  readonly fileName: string;
  /** The 8-byte length, the JSON and its padding. */
  readonly header: Uint8Array;
  /** Whole size in bytes, header included. */
  readonly size: number;
  readonly placed: readonly PlacedTensor[];
}

export interface ShardLayout {
  readonly shards: readonly Shard[];
  /** Bytes of tensor data over all shards. */
  readonly totalSize: number;
}

/**
 * Fills shards of at most `limit` bytes of tensor data in the given order; a tensor above the limit gets a shard of
 * its own. One shard is `model.safetensors`, several are `model-00001-of-0000N.safetensors`.
 */
export function packShards(tensors: readonly OutputTensor[], limit: number = DEFAULT_SHARD_SIZE): ShardLayout {
  if (!(limit > 0)) throw new RetemperError("USAGE", `the shard size must be positive, not ${limit}`);
  const groups: number[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  let totalSize = 0;
  tensors.forEach((tensor, index) => {
    const bytes = tensorBytes(tensor);
    if (filled + bytes > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)?.push(index);
    filled += bytes;
    totalSize += bytes;
  });
  const shards = groups.map((group, number) => {
    const fileName =
      groups.length === 1 ? SINGLE_FILE : `model-${five(number + 1)}-of-${five(groups.length)}.safetensors`;
    return layOut(fileName, aligned(tensors, group), tensors);
  });
  return { shards, totalSize };
}

/** The text of model.safetensors.index.json, or undefined where one file needs none. */
export function shardIndex(tensors: readonly OutputTensor[], layout: ShardLayout): string | undefined {
  if (layout.shards.length < 2) return undefined;
  const entries = layout.shards.flatMap(({ fileName, placed }) =>
    placed.map(({ tensor }) => [tensors[tensor]?.name ?? "", fileName] as const),
  );
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const index = { metadata: { total_size: layout.totalSize }, weight_map: Object.fromEntries(entries) };
  return `${JSON.stringify(index, null, 2)}\n`;
}

function tensorBytes(tensor: OutputTensor): number {
  return elementsOf(tensor) * widthOf(tensor.dtype);
}

function widthOf(dtype: OutputTensor["dtype"]): number {
  return isFp8(dtype) ? 1 : elementSize(dtype);
}

function isFp8(dtype: OutputTensor["dtype"] | undefined): dtype is Fp8Codes {
  return dtype === "F8_E4M3";
}

/** More than the bytes of any element. */
const FOREMOST = 16;

/**
 * The format packs tensors without gaps; wider elements first keeps every one aligned where the given order would not. Codes
 * and their scales, whose bytes keep whatever follows aligned, stay together in front of all others.
 */
function aligned(tensors: readonly OutputTensor[], group: readonly number[]): readonly number[] {
  const size = (index: number) => widthOf(tensors[index]?.dtype ?? "U8");
  const isCodes = (index: number) => isFp8(tensors[index]?.dtype);
  const rank = (index: number, at: number) => (isCodes(index) || isCodes(group[at - 1] ?? -1) ? FOREMOST : size(index));
  let offset = 0;
  for (const index of group) {
    if (offset % size(index) !== 0) {
      const ranks = new Map(group.map((one, at) => [one, rank(one, at)]));
      return group.toSorted((a, b) => (ranks.get(b) ?? 0) - (ranks.get(a) ?? 0));
    }
    offset += tensorBytes(tensors[index] as OutputTensor);
  }
  return group;
}

function layOut(fileName: string, order: readonly number[], tensors: readonly OutputTensor[]): Shard {
  const entries: [string, unknown][] = [["__metadata__", { format: "pt" }]];
  let end = 0;
  const begins = order.map((index) => {
    const tensor = tensors[index] as OutputTensor;
    const begin = end;
    end += tensorBytes(tensor);
    entries.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
    return begin;
  });
  const header = headerBytes(entries);
  return {
    fileName,
    header,
    size: header.length + end,
    placed: order.map((tensor, at) => ({ tensor, offset: header.length + (begins[at] ?? 0) })),
  };
}

function headerBytes(entries: readonly (readonly [string, unknown])[]): Uint8Array {
  // Written entry by entry: an object would move names such as "7" to the front and lose "__proto__".
  const json = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil((8 + text.length) / ALIGNMENT) * ALIGNMENT;
  if (length - 8 > HEADER_LIMIT) {
    throw new RetemperError("INCOMPATIBLE", `one shard's header would take ${length} bytes, above the format's limit`, {
      hint: "choose a smaller --out-shard-size",
    });
  }
  const bytes = new Uint8Array(length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

function five(value: number): string {
  return String(value).padStart(5, "0");
}
