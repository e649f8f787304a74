// What an engine is asked for and what it says of itself, whatever runs on it: decoders, encoders or a training.

import type { BlockQuantisation } from "../../merge/formats/gguf/inBlocks.js";

/** "reference" is TensorFlow.js in plain JavaScript: slow, for tests. */
export type EngineName = "native" | "tensorflow" | "endpoint" | "reference";
/** An engine that runs in this process, in a thread of the model's own. */
export type LocalEngineName = Exclude<EngineName, "endpoint">;
export type Precision = "float32" | "bfloat16";
/** What keys and values are kept as. "int8": a code of 8 bits each, with a float32 scale for each head's vector. */
export type CacheElements = Precision | "int8";
/** How a virtual merge is evaluated: rounded tile by tile as its file would be, or summed unrounded. */
export type Fidelity = "exact" | "linear";

/**
 * How weights are multiplied: as the numbers that they are or decode to; of a GGUF file, the stored blocks themselves; or in the
 * blocks of a quantisation, made when the model is opened.
 */
export type WeightsForm = "decoded" | "asStored" | BlockQuantisation;

export interface EngineFacts {
  readonly engine: EngineName;
  /** The model's folder, recipe or name. */
  readonly model: string;
  /** Of Retemper and, where they run, TensorFlow.js and TensorFlow. */
  readonly versions: Readonly<Record<string, string>>;
  /** "cpu: avx512, 2 threads", "gpu: NVIDIA H100", or an endpoint's address. */
  readonly device: string;
  /** Whether a GPU did the work; asked of the engine, never assumed. */
  readonly gpu: boolean;
  readonly precision?: Precision | undefined;
  /** Of keys and values, where they are kept in another form than that of the precision; else absent. */
  readonly cache?: CacheElements | undefined;
  readonly fidelity?: Fidelity | undefined;
  /** Where it was opened with others than "decoded"; else absent. */
  readonly weights?: WeightsForm | undefined;
  /** Where the weights are more than memory: bytes that a step may have to read from disk, once for all its sequences. */
  readonly fromDisk?: { readonly bytes: number } | undefined;
  /** Those that it was opened with. */
  readonly lambdas?: readonly number[] | undefined;
  /** The values that calls may name; absent where it has no lambda, or takes only those that it was opened with. */
  readonly lambdaRange?: readonly [number, number] | undefined;
  /** Short names of the models of a recipe that have a weight each, which calls may name; absent where there are none. */
  readonly weightNames?: readonly string[] | undefined;
  /** How many recipes it was opened with, where it was opened with `variants`. */
  readonly variants?: number | undefined;
  /** Differs where the model's files do: a digest over what is in its folder, weights by size and time of change. */
  readonly fingerprint?: string | undefined;
}

/** What an engine may be told before it starts; a model's own options are in generate. */
export interface EngineOptions {
  /** "auto" (the default): TensorFlow where it drives a GPU, else native. */
  readonly engine?: "auto" | LocalEngineName | undefined;
  /** Of activations; "float32" by default. */
  readonly precision?: Precision | undefined;
  /** Of keys and values, on the native engine; as `precision` by default. "int8" keeps a fourth of float32's bytes, and a little more. */
  readonly cache?: CacheElements | undefined;
  readonly threads?: number | undefined;
  /** Refuses to run without a GPU. */
  readonly requireGpu?: boolean | undefined;
  /** Bytes that weights in memory, cache and activations may take; found out from the machine by default. */
  readonly maxMemory?: number | undefined;
}
