// What is known of a checkpoint from its headers and configuration, before any tensor is read.

import type { Dtype } from "../addon/dtype.js";
import type { NativeEncoding } from "../addon/nativePlan.js";

/** Stored elements beside a tensor's own, as scales. */
export interface StoredRange {
  /** As in `StoredTensor`. */
  readonly file: number;
  readonly offset: number;
  readonly dtype: Dtype;
  readonly count: number;
}

/** How stored bytes become numbers. */
export type StoredEncoding = NativeEncoding<StoredRange>;

/** Where a tensor's bytes lie. `offset` is absolute in the file, `bytes` its length. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Index into `files` of the checkpoint that holds it. */
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
  /** How its bytes become numbers of `dtype`; absent: they are elements of `dtype`, in order. */
  readonly encoding?: StoredEncoding;
}

/** A tensor with its dtype as the file spells it, before anything is refused. */
export interface RawTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
  readonly encoding?: StoredEncoding;
}

/** Files of weights, and what they hold. */
export interface Weights {
  readonly files: readonly StoredFile[];
  readonly tensors: ReadonlyMap<string, RawTensor>;
  /** What was lost before: see Checkpoint. */
  readonly notes?: readonly string[];
}

/** One file of weights as it was when its header was read; the engine refuses it if it changed since. */
export interface StoredFile {
  readonly path: string;
  readonly size: number;
  /** Decimal text: inode numbers and nanoseconds do not fit a JS number. */
  readonly inode: string;
  readonly mtimeNs: string;
}

export interface Checkpoint {
  /** As the user wrote it. */
  readonly reference: string;
  readonly folder: string;
  readonly files: readonly StoredFile[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** config.json, {} when there is none. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Text of config.json, which spells numbers in ways that `config` does not keep (30.0). */
  readonly configText?: string | undefined;
  readonly adapter?: Adapter;
  /** What was lost before the model came here: the precision of quantised weights. */
  readonly notes?: readonly string[];
}

/** A low-rank term of one base tensor, W[rows, cols] += scale * left[rows, rank] x right[rank, cols] (flattened beyond the first dimension). */
export interface LowRankTerm {
  readonly left: StoredTensor;
  readonly leftTransposed: boolean;
  readonly right: StoredTensor;
  readonly rightTransposed: boolean;
  readonly rank: number;
  readonly scale: number;
  /**
   * Of an adapter of experts, whose factors hold those of all experts of a layer: of one expert's matrix ("slice"), or of the
   * tensor [experts, rows, columns] of all ("stack"), where left is [experts, rows, rank] and right [experts, rank, columns].
   */
  readonly experts?: "slice" | "stack";
  /** DoRA: W' = m (W + dW) / norm, norms along `axis` (1: of each row, 0: of each column). */
  readonly dora?: { readonly magnitude: StoredTensor; readonly axis: 0 | 1 };
}

/**
 * What an adapter does to one tensor of its base. File indices are into `Adapter.files`.
 * `base`, where it is given, is a copy of the base tensor that the adapter carries: it takes the base's place, then the
 * term is added to it (adapted embeddings are saved that way).
 */
export type AdapterEffect =
  | { readonly kind: "lowRank"; readonly term: LowRankTerm; readonly base?: StoredTensor }
  | { readonly kind: "replace"; readonly tensor: StoredTensor }
  | { readonly kind: "add"; readonly tensor: StoredTensor; readonly scale: number; readonly base?: StoredTensor };

export interface Adapter {
  readonly folder: string;
  /** The adapter's own file first; then files of the base, where `added` copies a tensor of the base. */
  readonly files: readonly StoredFile[];
  /** base tensor name -> effect; tensors that are not here stay as they are. */
  readonly effects: ReadonlyMap<string, AdapterEffect>;
  /** Tensors that the adapter adds and the base does not have (an untied lm_head from modules_to_save). */
  readonly added: ReadonlyMap<string, StoredTensor>;
  readonly config: Readonly<Record<string, unknown>>;
  /** What the user should know: a merge that differs from the live adapter, for example. */
  readonly warnings?: readonly string[];
}
