// What a merge will cost, estimated before anything runs: bytes read and written, memory, space on the disk.

import type { NativePart, NativeRange, NativeSource } from "../addon/nativePlan.js";
import { blockBytes } from "../checkpoint/formats/gguf/blockFormats.js";
import type { BuiltPlan } from "./build.js";
import { elementSize } from "./dtypes.js";

export interface Estimate {
  /** Bytes of tensor data that the result is made from. Methods that need norms or ranks read them again from memory. */
  readonly bytesRead: number;
  /** Bytes of the tensor files, headers included. */
  readonly bytesWritten: number;
  /** Bytes of anonymous memory at most, the JavaScript side included, mapped files apart. */
  readonly peakMemory: number;
  /** Bytes that must be free beside the output: the tensor files and some room for everything else. */
  readonly diskNeeded: number;
}

/** Node itself with headers and plan, and the engine's fixed part. */
const PROCESS_BYTES = 120_000_000;
const PLAN_BYTES_PER_TENSOR = 4_000;
/** Tiles, write buffers and stack of one worker, and what each further source adds (rank histograms, tiles). */
export const ENGINE_WORKER_BYTES = 4_000_000;
export const ENGINE_SOURCE_BYTES = 1_000_000;
/** What the engine keeps of the masks of a method that ranks rows, from the phase that sums to the one that writes. */
const KEPT_MASK_BYTES = 64 << 20;
/** Configuration, card and the like; and what the index and the record of the merge say of each tensor. */
const SMALL_FILE_BYTES = 64_000;
const RECORD_BYTES_PER_TENSOR = 500;

export interface EstimateFacts {
  /** Worker threads that will run. */
  readonly threads: number;
  /** Limit for the engine's buffers; 0 = none. */
  readonly maxMemory: number;
  /** Bytes of the tokenizer's files. */
  readonly tokenizerBytes: number;
}

/** Estimates from the plan alone. */
export function estimate({ tensors, layout }: BuiltPlan, facts: EstimateFacts): Estimate {
  const { threads, maxMemory, tokenizerBytes } = facts;
  let bytesRead = 0;
  let sources = 1;
  for (const tensor of tensors) {
    bytesRead += tensor.sources.reduce((sum, source) => sum + sourceBytes(source), 0);
    sources = Math.max(sources, tensor.sources.length);
  }
  const bytesWritten = layout.shards.reduce((sum, { size }) => sum + size, 0);
  const keepsMasks = tensors.some(
    ({ params }) => params.op === "task_arithmetic" && params.sparsifier === "ranked" && params.rescale === "l1",
  );
  const engine = threads * (ENGINE_WORKER_BYTES + sources * ENGINE_SOURCE_BYTES) + (keepsMasks ? KEPT_MASK_BYTES : 0);
  return {
    bytesRead,
    bytesWritten,
    peakMemory:
      PROCESS_BYTES + tensors.length * PLAN_BYTES_PER_TENSOR + (maxMemory > 0 ? Math.min(maxMemory, engine) : engine),
    diskNeeded: bytesWritten + tokenizerBytes + SMALL_FILE_BYTES + tensors.length * RECORD_BYTES_PER_TENSOR,
  };
}

function sourceBytes({ parts, gather }: NativeSource): number {
  if (!gather) return parts.reduce((sum, part) => sum + partBytes(part), 0);
  let bytes = 0;
  gather.part.forEach((part) => {
    const from = parts[part];
    if (from && from.rows > 0) bytes += rangeBytes(from) / from.rows;
  });
  return bytes;
}

function partBytes(part: NativePart): number {
  const { lowRank, add } = part;
  const extra = lowRank ? [lowRank.left, lowRank.right, ...(lowRank.dora ? [lowRank.dora.magnitude] : [])] : [];
  return [part, ...extra, ...(add ? [add.range] : [])].reduce((sum, range) => sum + rangeBytes(range), 0);
}

function rangeBytes({ count, dtype, encoding }: NativeRange): number {
  if (encoding?.codes) return Math.ceil((count * encoding.codes.packing.bits) / 8);
  return encoding?.blocks ? blockBytes(encoding.blocks, count) : count * elementSize(dtype);
}
