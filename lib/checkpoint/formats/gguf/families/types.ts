// What a family of models is called in a GGUF file: data that reading and writing both go by.

/** Entries of config.json. */
export type Config = Readonly<Record<string, unknown>>;

/** How the stored values differ from those of the same tensor in a safetensors file. */
export interface GgufChange {
  /** Rows of each head are stored in turn: of its first half, of its second (ggml's rope goes by pairs side by side). */
  readonly interleavedHeads?: "query" | "key";
  /** Added before it is stored. */
  readonly plus?: number;
  /** Stored [out, in], where the model has [in, out]. */
  readonly transposed?: true;
}

/** One module. `{n}` is the layer's number in both names; ".weight" and ".bias" are the same in both. */
export interface GgufModule {
  readonly hf: string;
  readonly gguf: string;
  readonly change?: GgufChange;
}

/** A number of the metadata, under `${architecture}.${key}`. */
export interface GgufKey {
  readonly key: string;
  /** Of config.json. */
  readonly config: string;
  readonly type: "u32" | "f32";
  /** What writing takes where config.json lacks the key or has null. Absent: then it is not written. */
  readonly default?: number;
  /** Reading refuses a file without it. */
  readonly required?: true;
}

export interface GgufFamily {
  /** general.architecture */
  readonly architecture: string;
  /** model_type of config.json; reading gives the first. */
  readonly modelTypes: readonly string[];
  /** The class that config.json names, by model_type. */
  readonly classes: Readonly<Record<string, string>>;
  readonly modules: readonly GgufModule[];
  readonly keys: readonly GgufKey[];
  /** What config.json says and the metadata does not. */
  readonly fixed: Config;
  /** config.json's entries that follow from others of it and from the metadata (bare keys). */
  readonly derived?: (config: Config, metadata: GgufMetadata) => Config;
}

/** Numbers, texts and lists by key. 64-bit numbers beyond 2^53 are bigint. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[] | Float32Array | Int32Array;
