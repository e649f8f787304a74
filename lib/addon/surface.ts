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

/** A matrix of float32 values in a file. */
export interface NativeMatrix {
  /** Where its first value lies; a multiple of 4. */
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
}

export interface NativeStoredMatrix extends NativeMatrix {
  readonly path: string;
}

/** A matrix that a job makes itself, a few rows at a time; nothing is written. */
export interface NativeMadeMatrix {
  /** Of one tensor, float32; nothing lies where its outputs are said to. */
  readonly plan: NativePlan;
}

/** Of a matrix that lies in a file, or of one that is made. */
export type NativeFactorisation = NativeFactoring & (NativeStoredMatrix | NativeMadeMatrix);

export interface NativeFactoring {
  /** The highest rank; without meaning where there is an `entropy`. */
  readonly rank: number;
  /** The lowest rank that keeps this share of the squared norm is enough. */
  readonly energy?: number | undefined;
  /**
   * The lowest rank whose singular values have this share of the entropy of all (native/lowrank/entropy_rank.h): the product is
   * then the matrix in the span of that many left singular vectors.
   */
  readonly entropy?: number | undefined;
  /** 0 = one for each available core. */
  readonly threads: number;
  /**
   * An existing file, and the byte from which on PEFT's factors are written as float32 in place of returned ones: A [rank, inputs], then B
   * [outputs, rank]. `transposed`: the matrix is [inputs, outputs].
   */
  readonly into?: { readonly path: string; readonly offset: number; readonly transposed: boolean } | undefined;
}

export interface NativeFactors {
  /** 0 for a matrix of zeros; lower than asked for where the matrix has no more. */
  readonly rank: number;
  /** [rows, rank] and [rank, cols]; empty where they were written. */
  readonly left: Float32Array;
  readonly right: Float32Array;
  /** Squared Euclidean norms of the matrix and of what left x right lacks. */
  readonly square: number;
  readonly lost: number;
}

/** Two matrices of equally many rows. */
export interface NativeProjecting {
  /** Of two tensors, float32: V, what aligned the model, and D; a third one is added to what is written. */
  readonly plan: NativePlan;
  /** True where both are stored by their columns, [inputs, outputs], and so is the result. */
  readonly transposed: boolean;
  /**
   * An existing file, and the byte from which on C D is written as float32, for C = V V^T / |V|: zeros where V or D is. Without them nothing
   * is written.
   */
  readonly path?: string | undefined;
  readonly offset?: number | undefined;
  /** 0 = one for each available core. */
  readonly threads: number;
}

export interface NativeProjected {
  /** Frobenius norm of V. */
  readonly norm: number;
  /** Squared norms of D and of C D, and their inner product. */
  readonly square: number;
  readonly projected: number;
  readonly dot: number;
}

/** Linear layers that take the same inputs, with their weights in one file. */
export interface NativeKeeping {
  readonly path: string;
  /** Weights, of each layer two of equal shape. */
  readonly layers: readonly { readonly aligned: NativeMatrix; readonly tuned: NativeMatrix }[];
  /** What entered the layers on safe text, [tokens, inputs]. */
  readonly inputs: NativeStoredMatrix;
  /** True where the weights are stored by their columns, [inputs, outputs], and so are the results. */
  readonly transposed: boolean;
  /** How much may stay. */
  readonly s: number;
  /** 0 = one for each available core. */
  readonly threads: number;
}

/** Of one layer. */
export interface NativeKept {
  /** The weight, as it is stored. */
  readonly values: Float32Array;
  /** Entries of the change that stayed. */
  readonly kept: number;
}

export interface NativeSelfProjection extends NativeMadeMatrix {
  readonly rank: number;
  /** 0 = one for each available core. */
  readonly threads: number;
  /** True where the matrix is stored by its columns: [inputs, outputs] in place of [outputs, inputs]. */
  readonly transposed: boolean;
  /** B [outputs, rank] and A [rank, inputs]. */
  readonly left: Float32Array;
  readonly right: Float32Array;
  /** Of a matrix with a smaller norm, the projection is 0. */
  readonly least: number;
}

export interface NativeSelfProjected {
  /** C B [outputs, rank]. */
  readonly left: Float32Array;
  /** Of the matrix, Euclidean. */
  readonly norm: number;
  /** Of C B A with B A; 0 where one of them is zero. */
  readonly cosine: number;
}

/** Models that are compared, tensor by tensor. */
export interface NativeComparison {
  readonly inputs: readonly NativeInput[];
  readonly tensors: readonly NativeCompareTensor[];
  readonly threads: number;
}

export interface Addon {
  describe(): NativeDescription;
  /** Opens without following FIFOs or devices, checks everything the format promises. Synchronous: headers are small. */
  readHeader(path: string): NativeHeader;
  merge(plan: NativePlan, onProgress?: (progress: NativeProgress) => void): NativeJob<NativeMergeReport>;
  /** sha256 of whole files, in order; `done`/`total` in bytes. */
  hashFiles(paths: readonly string[], onProgress?: (progress: NativeProgress) => void): NativeJob<string[]>;
  /** For each tensor and each pair (i < j in source order): sum of squared differences, float64. */
  compare(plan: NativeComparison, onProgress?: (progress: NativeProgress) => void): NativeJob<number[][]>;
  /**
   * For each tensor, of sources A, F and perhaps U, with D = F - A and V = A - U: the sums of A A, F F, A F, D D and, with U,
   * of V V and D V, how many elements neither D nor V leaves at 0, and of how many of these the signs agree.
   */
  changes(plan: NativeComparison, onProgress?: (progress: NativeProgress) => void): NativeJob<number[][]>;
  /**
   * The nearest product of a rank to a matrix [rows, cols]: singular values and vectors of a growing Krylov space, the same
   * bytes for any number of threads and instruction set.
   */
  factorise(request: NativeFactorisation): NativeJob<NativeFactors>;
  /** A change of a model in what aligned it: Safe LoRA's C D (native/lowrank/project.h). Progress in bands of columns. */
  project(request: NativeProjecting, onProgress?: (progress: NativeProgress) => void): NativeJob<NativeProjected>;
  /** What Safe Delta keeps of linear layers' changes (native/lowrank/safe_delta.h). Progress in blocks of each one's columns. */
  keepSafeDelta(request: NativeKeeping, onProgress?: (progress: NativeProgress) => void): NativeJob<NativeKept[]>;
  /**
   * B projected by C = V V^T / |V| of a matrix V, and what becomes of the product B A: float64 sums, the same bytes for any
   * number of threads and instruction set.
   */
  selfProject(request: NativeSelfProjection): NativeJob<NativeSelfProjected>;
  /** The squared singular values of a matrix, the largest first (native/lowrank/spectrum.h). `threads`: 0 = one for each core. */
  spectrum(request: {
    readonly path: string;
    readonly matrix: NativeMatrix;
    readonly threads: number;
  }): NativeJob<Float64Array>;
  /** A copy of bytes [begin, end) of a regular file: tests, and small tensors. */
  readBytes(path: string, begin: number, end: number): Uint8Array;
  /** Whether a file of weights is read where it is mapped; else, as on network file systems, it is read into memory. Throws IO. */
  isMapped(path: string): boolean;
  /** Swaps two paths in one step (renameat2 RENAME_EXCHANGE); throws IO where the file system cannot. */
  exchange(a: string, b: string): void;
  /**
   * Takes an exclusive lock (flock) that the kernel drops when the process dies. null when another holds it; undefined where
   * the file system offers no locks.
   */
  lockFile(path: string): NativeLock | null | undefined;
  /**
   * The operations of a model in generation. `threads` counts the calling one. `copiesFiles`: what is read in every step is copied
   * into memory of large pages when it is opened; else it is read where it is mapped.
   */
  openRuntime(options: {
    readonly threads: number;
    readonly precision: "float32" | "bfloat16";
    readonly copiesFiles?: boolean | undefined;
  }): NativeRuntime;
}
