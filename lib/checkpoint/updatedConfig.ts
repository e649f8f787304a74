// config.json of an output: the base's, with what the merge changed, every other key and the order of keys kept.

import { textConfig } from "./families.js";
import { SETTINGS as QUANTISATION_SETTINGS } from "./formats/quantised/dequantise.js";
import type { JsonObject } from "./json.js";

export interface ConfigChanges {
  /** Dtype of the written weights, as transformers spells it: "bfloat16", "float16", "float32", "float64". */
  readonly dtype?: string | undefined;
  /** The output's layers: how many, or for each one the index of the layer it came from. */
  readonly layers?: number | readonly number[] | undefined;
  /** Rows of the embedding. */
  readonly vocabSize?: number | undefined;
  readonly tieWordEmbeddings?: boolean | undefined;
  /** The class that loads the output, where the recipe overrides it. */
  readonly architecture?: string | undefined;
  /** How the written weights are quantised; absent: they are numbers. */
  readonly quantization?: JsonObject | undefined;
}

type Mutable = Record<string, unknown>;

const LAYER_COUNTS = ["num_hidden_layers", "n_layer", "n_layers", "num_layers"];
/** Keys whose arrays have one entry a layer (when they are as long as there are layers). */
const PER_LAYER = /layer|block|pattern|_heads|intermediate|sliding|window/;
/** Keys whose arrays hold indices of layers. */
const LAYER_INDICES = ["mlp_only_layers", "cross_attention_layers", "attn_layer_indices"];

/** A changed copy; the input stays as it is. */
export function updatedConfig(config: JsonObject, changes: ConfigChanges): Record<string, unknown> {
  const copy = structuredClone(config) as Mutable;
  const text = textConfig(copy) as Mutable;
  // what was read decides nothing
  for (const key of QUANTISATION_SETTINGS) delete copy[key];
  if (changes.quantization !== undefined) copy.quantization_config = changes.quantization;
  if (changes.architecture !== undefined) copy.architectures = [changes.architecture];
  if (changes.dtype !== undefined) setDtype(copy, changes.dtype);
  if (changes.layers !== undefined) setLayers(text, changes.layers);
  if (changes.vocabSize !== undefined) {
    text.vocab_size = changes.vocabSize;
    if (Object.hasOwn(copy, "vocab_size")) copy.vocab_size = changes.vocabSize;
  }
  if (changes.tieWordEmbeddings !== undefined) {
    copy.tie_word_embeddings = changes.tieWordEmbeddings;
    if (text !== copy) text.tie_word_embeddings = changes.tieWordEmbeddings;
  }
  return copy;
}

/** Number of layers that a configuration declares for its language model. */
export function configuredLayers(config: JsonObject): number | undefined {
  const text = textConfig(config);
  for (const key of LAYER_COUNTS) if (typeof text[key] === "number") return text[key];
  return undefined;
}

/** `dtype` (transformers 5) or `torch_dtype`, wherever the original has one; torch_dtype, which all read, where it has none. */
function setDtype(config: Mutable, dtype: string): void {
  let found = false;
  const visit = (level: Mutable) => {
    for (const key of ["dtype", "torch_dtype"]) {
      if (Object.hasOwn(level, key)) {
        level[key] = dtype;
        found = true;
      }
    }
    for (const [key, value] of Object.entries(level)) {
      if (key.endsWith("_config") && key !== "quantization_config" && isObject(value)) visit(value);
    }
  };
  visit(config);
  if (!found) config.torch_dtype = dtype;
}

function setLayers(text: Mutable, layers: number | readonly number[]): void {
  const before = configuredLayers(text);
  const count = typeof layers === "number" ? layers : layers.length;
  const keys = LAYER_COUNTS.filter((key) => typeof text[key] === "number");
  for (const key of keys.length > 0 ? keys : ["num_hidden_layers"]) text[key] = count;
  if (before === undefined) return;
  const sources = typeof layers === "number" ? Array.from({ length: layers }, (_, i) => i % before) : layers;
  if (sources.length === before && sources.every((source, i) => source === i)) return;
  for (const [key, value] of Object.entries(text)) {
    if (!Array.isArray(value)) continue;
    if (LAYER_INDICES.includes(key)) {
      text[key] = sources.flatMap((source, i) => (value.includes(source) ? [i] : []));
    } else if (value.length === before && PER_LAYER.test(key) && !/_ids?$/.test(key)) {
      text[key] = sources.map((source) => structuredClone(value[source]));
    }
  }
}

function isObject(value: unknown): value is Mutable {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
