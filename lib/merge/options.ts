// What a caller may ask of a merge, and what is reported to it while the merge runs.

import type { ReadingMode, WritingMode } from "../addon/nativePlan.js";
import type { DownloadOptions } from "../checkpoint/obtain.js";
import type { GgufQuantisation } from "../plan/gguf/quantise.js";
import type { FloatDtypeName } from "../recipe/types.js";

/**
 * The steps of a merge in their order: downloading models that are not here; reading headers and configuration; hashing the inputs (only with `hashInputs`);
 * making what a method needs that reads its models before it merges (safe_lora, …); merging and writing tensors; side files, fsync and the final rename; reading the result again (only with `verify`).
 */
export type MergePhase = "download" | "open" | "hash" | "prepare" | "merge" | "finish" | "verify";

export interface MergeProgress {
  readonly phase: MergePhase;
  /** Bytes of this phase that are done, and of the whole phase; both 0 in phases without a measure. */
  readonly done: number;
  readonly total: number;
  /** Mean speed of this phase so far; 0 until it is known. */
  readonly bytesPerSecond: number;
  /** Seconds to the end of this phase at that speed; undefined until it is known. */
  readonly secondsLeft: number | undefined;
}

/** Options that decide what is merged; `plan` takes these alone. */
export interface PlanOptions {
  /** Default "safetensors": a checkpoint. */
  readonly format?: OutputFormat | undefined;
  /**
   * Types of a GGUF file's tensors, as `llama-quantize` mixes them: "q4_k_m", "q8_0", "f16", … Default: the 16 or 32 bits
   * that the merge would have as safetensors.
   */
  readonly quantise?: GgufQuantisation | undefined;
  /**
   * With `format: "adapter"`: the highest rank of each product. What has a higher one, or none, is approximated by the
   * nearest matrix of this rank, and the report tells the error. By default nothing is approximated, but refused.
   */
  readonly rank?: number | undefined;
  /** With `format: "adapter"`: each product takes the lowest rank that keeps this share (0 to 1) of the change's squared norm. */
  readonly energy?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Seed of the random masks of dare_* and della*. Default 0: reproducible by default. */
  readonly seed?: number | undefined;
  /** Bytes of tensor data in one output file. Default 5,000,000,000. */
  readonly outShardSize?: number | undefined;
  /** Cut embeddings of different heights to their common rows instead of refusing. */
  readonly unsafeTruncateEmbeddings?: boolean | undefined;
  /** Round base + adapter to this dtype before the merge, as mergekit does. Default: no rounding. */
  readonly loraMergeDtype?: FloatDtypeName | undefined;
  /**
   * Weight of the one fine-tuned model against the aligned one (base_model, else the first): linear gets the weights
   * 1 - lambda and lambda, slerp its t, the task arithmetic family the fine-tuned model's weight. The recipe may leave
   * them out. For several values see `sweep`.
   */
  readonly lambda?: number | undefined;
  /** Ignore unknown keys of the recipe. */
  readonly lenient?: boolean | undefined;
  /** The hub cache to look models up in; default HF_HUB_CACHE, else HF_HOME/hub. */
  readonly transformersCache?: string | undefined;
  /** How models are downloaded that are not on this machine; by default the environment says it (HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE). */
  readonly hub?: DownloadOptions | undefined;
  /**
   * Folders of models by the names that the recipe has for them: `{ models: { first: "/scratch/first" } }` makes the
   * model `first` of the recipe that folder. Names come before paths and hub ids.
   */
  readonly models?: Readonly<Record<string, string>> | undefined;
  /** Worker threads; 0 or undefined = one for each available core. The bytes do not depend on it. */
  readonly threads?: number | undefined;
  /** Bytes of memory that the engine may take for its buffers (mapped files apart); 0 or undefined = its default. */
  readonly maxMemory?: number | undefined;
}

/**
 * What an output is: a checkpoint, one GGUF file that llama.cpp and Ollama load, a checkpoint whose linear layers are FP8
 * (compressed-tensors with a scale a row, what vLLM loads), or an adapter of PEFT on the model that the recipe's models are
 * made from.
 */
export type OutputFormat = "safetensors" | "gguf" | "fp8" | "adapter";

export interface MergeOptions extends PlanOptions {
  readonly onProgress?: ((progress: MergeProgress) => void) | undefined;
  /** Replace an existing output. It stays as it is until the new one is complete. */
  readonly force?: boolean | undefined;
  /** Write the tokenizer's files. Default true. */
  readonly copyTokenizer?: boolean | undefined;
  /** Write README.md. Default true. */
  readonly writeModelCard?: boolean | undefined;
  /** Copy the *.py files of the model that gives the configuration. They are never executed. Default false. */
  readonly trustRemoteCode?: boolean | undefined;
  /** Refuse a result that has NaN or infinite values; default: they are counted in the report. */
  readonly failOnNonfinite?: boolean | undefined;
  /** Keep the unfinished output after a failure; the error names it. */
  readonly keepPartial?: boolean | undefined;
  /** Compute the inputs' sha256 where it is not known without reading. */
  readonly hashInputs?: boolean | undefined;
  /** Read the finished output again and compare its digests before it gets its final name. */
  readonly verify?: boolean | undefined;
  /** How inputs are read; the bytes do not depend on it. Default "auto". */
  readonly reading?: ReadingMode | undefined;
  /**
   * How outputs are written; the bytes do not depend on it. "auto", the default, writes large files past the page cache;
   * "cached" leaves them there, for the next reader.
   */
  readonly writing?: WritingMode | undefined;
  /**
   * Where tensors are computed; the bytes do not depend on it. "auto", the default, is the CPU: a merge waits for disks,
   * and no measurement shows one that a GPU speeds up. "cuda" fails with DEVICE where there is no usable GPU.
   */
  readonly device?: "cpu" | "cuda" | "auto" | undefined;
  /** With "cuda": spread the blocks of every tensor over all GPUs. Default: the first one (CUDA_VISIBLE_DEVICES). */
  readonly multiGpu?: boolean | undefined;
}

/** A sweep takes a merge's options; `force` replaces the points that exist, each when its new version is complete. */
export interface SweepOptions extends Omit<MergeOptions, "lambda"> {
  /**
   * For a linear merge of A with A + adapter: write adapters scaled by lambda (a few MB each) instead of checkpoints.
   * Refused where that is not the same: DoRA, saved modules, biases, other methods.
   */
  readonly outAdapter?: boolean | undefined;
}
