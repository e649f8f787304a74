// The one typed description of the native addon. native/napi/addon.cc implements exactly this.

import type { NativeCompareTensor, NativeInput, NativeMergeReport, NativePlan } from "./nativePlan.js";
import type { NativeRuntime } from "./nativeRuntime.js";

export interface NativeJob<T> {
  readonly promise: Promise<T>;
  cancel(): void;
}

/** A parsed safetensors header in columns. Rejected headers throw with code BAD_INPUT (or IO). */
export interface NativeHeader {
  readonly size: number;
  readonly inode: string;
  readonly mtimeNs: string;
  /** Offset of the data section in the file. */
  readonly dataOffset: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  /** As written in the file: "BF16", "F8_E4M3", ... Only dtypes of the format's specification pass. */
  readonly dtypes: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  /** Absolute offsets in the file. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/** `targets` and `cuda` are found out when they are read: starting a GPU's driver takes time. */
export interface NativeDescription {
  readonly version: string;
  /** The instruction sets of this processor, slowest first, and "cuda" where there is a usable device. */
  readonly targets: readonly string[];
  /** What a merge uses unless its plan says otherwise. */
  readonly target: string;
  /** The CUDA devices by name, or "none: " and the reason. */
  readonly cuda: string;
  readonly ops: readonly string[];
  readonly threads: number;
}

export interface NativeProgress {
  /** Bytes of output finished, and of all. */
  readonly done: number;
  readonly total: number;
}

export interface NativeLock {
  /** Removes the file, then gives the lock back. */
  release(): void;
  /** Gives the lock back; the file stays. */
  releaseAndKeep(): void;
}

export interface NativeFactorisation {
  readonly path: string;
  /** Where its first value lies; a multiple of 4. */
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
  /** The highest rank. */
  readonly rank: number;
  /** The lowest rank that keeps this share of the squared norm is enough. */
  readonly energy?: number | undefined;
  /** 0 = one for each available core. */
  readonly threads: number;
}

export interface NativeFactors {
  /** 0 for a matrix of zeros; lower than asked for where the matrix has no more. */
  readonly rank: number;
  /** [rows, rank] and [rank, cols]. */
  readonly left: Float32Array;
  readonly right: Float32Array;
  /** Squared Euclidean norms of the matrix and of what left x right lacks. */
  readonly square: number;
  readonly lost: number;
}

export interface Addon {
  describe(): NativeDescription;
  /** Opens without following FIFOs or devices, checks everything the format promises. Synchronous: headers are small. */
  readHeader(path: string): NativeHeader;
  merge(plan: NativePlan, onProgress?: (progress: NativeProgress) => void): NativeJob<NativeMergeReport>;
  /** sha256 of whole files, in order; `done`/`total` in bytes. */
  hashFiles(paths: readonly string[], onProgress?: (progress: NativeProgress) => void): NativeJob<string[]>;
  /** For each tensor and each pair (i < j in source order): sum of squared differences, float64. */
  compare(
    plan: {
      readonly inputs: readonly NativeInput[];
      readonly tensors: readonly NativeCompareTensor[];
      readonly threads: number;
    },
    onProgress?: (progress: NativeProgress) => void,
  ): NativeJob<number[][]>;
  /**
   * The nearest product of a rank to a matrix [rows, cols] of float32 values that lies in a file: singular values and vectors
   * of a growing Krylov space, the same bytes for any number of threads and instruction set.
   */
  factorise(request: NativeFactorisation): NativeJob<NativeFactors>;
  /** A copy of bytes [begin, end) of a regular file: tests, and small tensors. */
  readBytes(path: string, begin: number, end: number): Uint8Array;
  /** Swaps two paths in one step (renameat2 RENAME_EXCHANGE); throws IO where the file system cannot. */
  exchange(a: string, b: string): void;
  /**
   * Takes an exclusive lock (flock) that the kernel drops when the process dies. null when another holds it; undefined where
   * the file system offers no locks.
   */
  lockFile(path: string): NativeLock | null | undefined;
  /** The operations of a model in generation. `threads` counts the calling one. */
  openRuntime(options: { readonly threads: number; readonly precision: "float32" | "bfloat16" }): NativeRuntime;
}
