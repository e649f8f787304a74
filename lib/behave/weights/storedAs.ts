// What a tensor's values were before they were stored as they are now: values that went through bfloat16, float16 or four bits keep
// the marks of it in any wider format.

import type { Addon } from "../../addon/surface.js";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { widen } from "../../nn/engines/reference/widen.js";

/** Bytes that are looked at of a tensor. */
const PIECE = 64 * 1024;
/** Values that share a scale in every four-bit format that is common: blocks of 32 (GGUF), 64 (NF4) or more. */
const BLOCK = 32;
const LEVELS = 16;

/** "BF16" or "F16" inside of F32 or F64 (or of each other), "4 bits" by levels; undefined where nothing shows. */
export type Mark = "BF16" | "F16" | "4 bits";

/** Marks of the largest matrices; a mark is named where all of them have it. */
export function storedAs(checkpoint: Checkpoint, addon: Pick<Addon, "readBytes">): Mark | undefined {
  const matrices = [...checkpoint.tensors.values()].filter(
    (tensor) =>
      tensor.shape.length === 2 && tensor.file >= 0 && isPlain(tensor) && !/embed|wte|lm_head/.test(tensor.name),
  );
  const largest = matrices.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)).slice(0, 8);
  if (largest.length === 0) return undefined;
  const marks = largest.map((tensor) => markOf(valuesOf(tensor, checkpoint, addon), tensor.dtype));
  const [first] = marks;
  return marks.every((mark) => mark === first) ? first : undefined;
}

function isPlain(tensor: StoredTensor): boolean {
  return DTYPES.has(tensor.dtype) && !("encoding" in tensor && tensor.encoding !== undefined);
}

const DTYPES: ReadonlySet<string> = new Set(["F32", "BF16", "F16"]);

function valuesOf(tensor: StoredTensor, { files }: Checkpoint, addon: Pick<Addon, "readBytes">): Float32Array {
  const path = files[tensor.file]?.path as string;
  const raw = addon.readBytes(path, tensor.offset, tensor.offset + Math.min(PIECE, tensor.bytes));
  return widen(raw, tensor.dtype);
}

function markOf(values: Float32Array, dtype: string): Mark | undefined {
  if (fewLevels(values)) return "4 bits";
  if (dtype !== "BF16" && new Uint32Array(values.buffer).every((bits) => (bits & 0xffff) === 0)) return "BF16";
  if (dtype === "F32" && values.every((value) => isFloat16(value))) return "F16";
  return undefined;
}

/** Whether nearly every block has at most 16 different values; blocks of constants say nothing. */
function fewLevels(values: Float32Array): boolean {
  let blocks = 0;
  let few = 0;
  for (let at = 0; at + BLOCK <= values.length; at += BLOCK) {
    const levels = new Set(values.subarray(at, at + BLOCK)).size;
    if (levels <= 2) continue;
    blocks += 1;
    if (levels <= LEVELS) few += 1;
  }
  return blocks >= 8 && few >= 0.95 * blocks;
}

/** Of 11 bits of fraction in float16's range. */
function isFloat16(value: number): boolean {
  if (value === 0) return true;
  const size = Math.abs(value);
  if (!(size <= 65504)) return false;
  const unit = 2 ** Math.max(-24, Math.floor(Math.log2(size)) - 10);
  return Number.isInteger(size / unit);
}
