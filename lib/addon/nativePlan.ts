// The contract with the native engine: plain numbers and names, decided here, executed there.
// One NativePlan is one merge; the engine validates every range again before it touches a byte.

import type { Dtype } from "./dtype.js";
import type { BlockFormatName, NativeRange } from "./nativeRange.js";

export type {
  BlockFormatName,
  NativeCodes,
  NativeEncoding,
  NativeGrid,
  NativePacking,
  NativeRange,
  NativeSide,
} from "./nativeRange.js";

export interface NativeInput {
  readonly path: string;
  readonly size: number;
  readonly inode: string;
  readonly mtimeNs: string;
}

export interface NativeOutput {
  /** In the staging folder; must not exist. */
  readonly path: string;
  /** Whole size in bytes, header included. */
  readonly size: number;
  /** The 8-byte length, the JSON and its padding, as they go to offset 0. */
  readonly header: Uint8Array;
}

/** A stored matrix [rows, cols] with what an adapter does to it. A 1-D tensor is [n, 1]; a scalar is [1, 1]; N-D is [d0, rest]. */
export interface NativePart extends NativeRange {
  readonly rows: number;
  readonly cols: number;
  /** Round each loaded value to this dtype first (recipe `dtype`, or --lora-merge-dtype for adapters). */
  readonly castTo?: Dtype;
  readonly lowRank?: {
    readonly left: NativeRange;
    readonly leftTransposed: boolean;
    readonly right: NativeRange;
    readonly rightTransposed: boolean;
    readonly rank: number;
    readonly scale: number;
    /** Each of so many rows of the part is a matrix of its own: left and right are stacks of so many factors. */
    readonly groups?: number;
    readonly dora?: { readonly magnitude: NativeRange; readonly axis: 0 | 1 };
  };
  /** W + scale * v, elementwise (lora_bias). */
  readonly add?: { readonly range: NativeRange; readonly scale: number };
}

/**
 * Row j of the source = mean of parts[part[k]] row[k] over k in [start[j], start[j+1]); an empty list is a zero row.
 * `meanRows` (default 0) further rows follow, each the mean of all those rows.
 */
export interface NativeGather {
  readonly start: Uint32Array;
  readonly part: Uint32Array;
  readonly row: Uint32Array;
  readonly meanRows?: number;
}

/** One operand of an op. Without `gather`, parts has one entry; it may have more rows than the output (they are left out). */
export interface NativeSource {
  readonly parts: readonly NativePart[];
  readonly gather?: NativeGather;
}

/** Parameters by op. Sources are in the recipe's order; where there is a base it is sources[0] and has no weight. */
export type NativeParams =
  | { readonly op: "copy" }
  /** sum weights[i] x[i], divided by the sum of weights if normalize. passthrough's scale is a linear with one weight. */
  | { readonly op: "linear"; readonly weights: readonly number[]; readonly normalize: boolean }
  | { readonly op: "slerp"; readonly t: number; readonly threshold: number }
  | {
      readonly op: "nuslerp";
      readonly weights: readonly number[];
      readonly hasBase: boolean;
      readonly axis: "flat" | "last" | "first";
    }
  | {
      readonly op: "multislerp";
      readonly weights: readonly number[];
      readonly normalizeWeights: boolean;
      readonly eps: number;
      readonly hasBase: boolean;
    }
  | { readonly op: "karcher"; readonly maxIter: number; readonly tol: number }
  | { readonly op: "nearswap"; readonly t: number }
  | { readonly op: "arcee_fusion" }
  | {
      readonly op: "task_arithmetic";
      readonly sparsifier: "none" | "magnitude" | "random" | "outliers" | "ranked";
      readonly election: boolean;
      readonly normalize: boolean;
      readonly rescale: "none" | "l1" | "inverse_density";
      readonly lambda: number;
      readonly weights: readonly number[];
      readonly densities: readonly number[];
      readonly gammas: readonly number[];
      readonly epsilons: readonly number[];
    }
  | { readonly op: "model_stock"; readonly filterWise: boolean }
  | { readonly op: "sce"; readonly selectTopk: number }
  | { readonly op: "ram"; readonly epsilon: number; readonly r: number; readonly alpha: number };

export type OpName = NativeParams["op"];

/** Our own formats of blocks: bits of a code, and elements of a block. No file has them. */
export type IntegerBlocks = `INT${8 | 4}_${32 | 64 | 128}`;

/** Formats of blocks that the engine makes: of GGUF files, by their names there, and our own. */
export type WrittenBlocks = Exclude<BlockFormatName, "Q4_1"> | IntegerBlocks;

/** Of FP8 (e4m3fn), as safetensors names them. */
export type Fp8Codes = "F8_E4M3";

/** What becomes of a tensor's result on its way into the file, for formats that store it in another form. */
export interface NativeForm {
  /** Encoded in these; a row is of whole blocks. `outDtype` is then F32; of our own formats, what values are rounded to before. */
  readonly blocks?: WrittenBlocks;
  /** Added to each value; `outDtype` is then F32. */
  readonly plus?: number;
  /** Rows in groups of so many: row j of a group's first half, then row j of its second, for each j. */
  readonly interleave?: number;
  /** `shape` is that of the transposed: its rows are the sources' columns. */
  readonly transposed?: boolean;
  /** Zero bytes after it, fewer than a page. */
  readonly padding?: number;
  /**
   * FP8 codes with a scale for each row, of values that are rounded to `outDtype` (BF16, F16 or F32) first. The scales are
   * another tensor's (`scalesOf`).
   */
  readonly codes?: Fp8Codes;
}

export interface NativeTensor {
  /** Output name: in errors, in facts, and in the key of the random masks. */
  readonly name: string;
  readonly shape: readonly number[];
  /** F64 when an input is F64 and no `dtype` says otherwise, else F32. Ignored by copy. */
  readonly compute: "F32" | "F64";
  readonly outDtype: Dtype;
  readonly form?: NativeForm | undefined;
  readonly sources: readonly NativeSource[];
  /** Index of each source's model in the recipe: the "model" in the key of the random masks. */
  readonly modelKeys: readonly number[];
  /** One for a merge; K for a sweep, each with its place. */
  readonly variants: readonly { readonly output: number; readonly offset: number; readonly params: NativeParams }[];
  /**
   * These are the scales of the rows of the tensor with this index, which stands before: one each, stored as its `outDtype`,
   * variant by variant. Their params are that tensor's, and they have no source.
   */
  readonly scalesOf?: number | undefined;
}

/**
 * How inputs are read. "auto": of local files what the page cache has is mapped and the rest read past it; others by
 * "pread". "direct": past the page cache; "uncached": through it, leaving nothing there. Each falls back where the system
 * cannot; the bytes do not depend on it.
 */
export type ReadingMode = "auto" | "map" | "pread" | "direct" | "uncached";

/** How outputs are written: "cached" leaves them in the page cache, "direct" goes past it where the system can. */
export type WritingMode = "auto" | "cached" | "direct";

export interface NativePlan {
  readonly inputs: readonly NativeInput[];
  readonly outputs: readonly NativeOutput[];
  /** In the order of their place in the outputs; the outputs are written front to back. */
  readonly tensors: readonly NativeTensor[];
  readonly seed: number;
  /** 0 = one for each available core. */
  readonly threads: number;
  /** Bytes of anonymous memory the engine may take; 0 = its default. */
  readonly maxMemory: number;
  readonly reading: ReadingMode;
  /** "auto" (the default): large outputs that are flushed go past the page cache. */
  readonly writing?: WritingMode;
  readonly fsync: boolean;
  /** Where blocks are computed; "auto" (the default) is the CPU. DEVICE when "cuda" is asked for and there is none. */
  readonly device?: "cpu" | "cuda" | "auto";
  /** Use every CUDA device, not the first one only. */
  readonly multiGpu?: boolean;
}

/** Facts of one tensor of one variant, in plan order. */
export interface NativeFacts {
  readonly name: string;
  readonly variant: number;
  /** NaN or infinite values written. */
  readonly nonFinite: number;
  /** slerp, nuslerp: vectors that took the straight line, and vectors in all. */
  readonly straight?: number;
  readonly vectors?: number;
  /** model_stock: t (mean over rows when filter-wise); slerp: cosine. */
  readonly t?: number;
  readonly cosine?: number;
  /** Share of delta elements kept, over all models (sparsifying ops). */
  readonly kept?: number;
}

export interface NativeMergeReport {
  /** Lower-case hexadecimal sha256 of each whole output file, in plan order. */
  readonly sha256: readonly string[];
  readonly facts: readonly NativeFacts[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly seconds: number;
  readonly threads: number;
  readonly target: string;
  /** Absent when everything ran on the CPU. */
  readonly device?: NativeDeviceReport;
}

/** What a merge with CUDA devices computed where. */
export interface NativeDeviceReport {
  readonly names: readonly string[];
  /** Tensors computed on the devices. */
  readonly tensors: number;
  /** The others, by why they ran on the CPU. */
  readonly onCpu: readonly { readonly reason: string; readonly tensors: number }[];
}

/** A tensor of models that are compared. */
export interface NativeCompareTensor {
  readonly name: string;
  /** F32 by default; only `changes` looks at it. */
  readonly compute?: "F32" | "F64" | undefined;
  readonly sources: readonly NativeSource[];
  readonly count: number;
}
