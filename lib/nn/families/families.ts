// The families of decoders as data: how each names its tensors, what its configuration leaves unsaid (transformers'
// defaults), and where it departs from Llama.

import type { JsonObject } from "../../checkpoint/json.js";
import type { ConfigReader } from "./configReader.js";
import type { RopeRequest } from "./rope.js";

/** Names of tensors, after the model's prefix; those of a layer after `${layers}.${index}.`, without ".weight". */
export interface Names {
  readonly embedding: string;
  readonly positions?: string;
  readonly layers: string;
  readonly finalNorm: string;
  readonly inputNorm: string;
  /** Three matrices, or one that holds q, k and v. */
  readonly qkv: readonly string[];
  readonly queryNorm?: string;
  readonly keyNorm?: string;
  readonly output: string;
  readonly postAttentionNorm?: string;
  readonly mlpNorm: string;
  readonly gate?: string;
  readonly up?: string;
  /** Gate and up in one matrix, the gate first. */
  readonly gateUp?: string;
  readonly down: string;
  readonly postMlpNorm?: string;
}

export interface Biases {
  readonly qkv: boolean;
  readonly output: boolean;
  readonly mlp: boolean;
}

export interface Family {
  readonly names: Names;
  /** Where config.json does not say it. */
  readonly defaults: JsonObject;
  /** Usual key -> this family's key. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly norm: { readonly kind: "rms" | "layer"; readonly plusOne: boolean; readonly epsilonKey: string };
  readonly layout: "out-in" | "in-out";
  readonly activationKey: string;
  /** Activations that mean another one here. */
  readonly activations?: Readonly<Record<string, string>>;
  readonly biases: (settings: ConfigReader) => Biases;
  /** Whether embeddings are multiplied by sqrt(hidden). */
  readonly scalesEmbeddings: boolean;
  /** How wide the layer sees; all of it by default. */
  readonly window?: (settings: ConfigReader, layer: number) => number | undefined;
  /** What multiplies q k; 1 / sqrt(headDim) by default. */
  readonly attentionScale?: (settings: ConfigReader, layer: number, headDim: number) => number;
  /** Keys of soft caps. */
  readonly attentionCapKey?: string;
  readonly logitCapKey?: string;
  /** Undefined: the layer does not rotate. */
  readonly rope: (settings: ConfigReader, layer: number) => Omit<RopeRequest, "headDim" | "maxPositions"> | undefined;
  /** ConfigReader that must be off, and what they would do. */
  readonly refused?: Readonly<Record<string, string>>;
}

const NO_BIAS: Biases = { qkv: false, output: false, mlp: false };
const ROPE = { layerType: "full_attention", scaled: true, thetaKey: "rope_theta" } as const;

const LLAMA_NAMES: Names = {
  embedding: "embed_tokens",
  layers: "layers",
  finalNorm: "norm",
  inputNorm: "input_layernorm",
  qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  output: "self_attn.o_proj",
  mlpNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

const LLAMA: Family = {
  names: LLAMA_NAMES,
  defaults: {
    ...{ vocab_size: 32000, hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32 },
    ...{ num_attention_heads: 32, hidden_act: "silu", max_position_embeddings: 2048, rms_norm_eps: 1e-6 },
    ...{ rope_theta: 10000, tie_word_embeddings: false },
  },
  norm: { kind: "rms", plusOne: false, epsilonKey: "rms_norm_eps" },
  layout: "out-in",
  activationKey: "hidden_act",
  biases: (settings) => {
    const attention = settings.flag("attention_bias");
    return { qkv: attention, output: attention, mlp: settings.flag("mlp_bias") };
  },
  scalesEmbeddings: false,
  rope: () => ROPE,
};

const SMOLLM3: Family = {
  ...LLAMA,
  defaults: {
    ...{ vocab_size: 128256, hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36 },
    ...{ num_attention_heads: 16, num_key_value_heads: 4, hidden_act: "silu", max_position_embeddings: 32768 },
    ...{ rms_norm_eps: 1e-6, rope_theta: 2000000, no_rope_layer_interval: 4, tie_word_embeddings: true },
  },
  window: (settings, layer) => {
    if (!settings.flag("use_sliding_window")) return undefined;
    const slides = layerType(settings, layer) ?? (rotates(settings, layer) ? "full_attention" : "sliding_attention");
    return slides === "sliding_attention" ? settings.optionalSize("sliding_window") : undefined;
  },
  rope: (settings, layer) => (rotates(settings, layer) ? ROPE : undefined),
};

const MISTRAL: Family = {
  ...LLAMA,
  defaults: {
    ...{ ...LLAMA.defaults, intermediate_size: 14336, num_key_value_heads: 8, max_position_embeddings: 131072 },
    sliding_window: 4096,
  },
  biases: () => NO_BIAS,
  window: (settings) => settings.optionalSize("sliding_window"),
};

const QWEN2: Family = {
  ...LLAMA,
  defaults: {
    ...{ vocab_size: 151936, hidden_size: 4096, intermediate_size: 22016, num_hidden_layers: 32 },
    ...{ num_attention_heads: 32, num_key_value_heads: 32, hidden_act: "silu", max_position_embeddings: 32768 },
    ...{ rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: false },
    ...{ sliding_window: 4096, max_window_layers: 28 },
  },
  biases: () => ({ qkv: true, output: false, mlp: false }),
  window: (settings, layer) => {
    if (!settings.flag("use_sliding_window")) return undefined;
    const isFull = (settings.optionalNumber("max_window_layers") ?? 0) > layer;
    const type = layerType(settings, layer) ?? (isFull ? "full_attention" : "sliding_attention");
    return type === "sliding_attention" ? settings.optionalSize("sliding_window") : undefined;
  },
};

const QWEN3: Family = {
  ...QWEN2,
  names: { ...LLAMA_NAMES, queryNorm: "self_attn.q_norm", keyNorm: "self_attn.k_norm" },
  defaults: { ...QWEN2.defaults, head_dim: 128 },
  biases: (settings) => {
    const attention = settings.flag("attention_bias");
    return { qkv: attention, output: attention, mlp: false };
  },
};

const GEMMA: Family = {
  ...LLAMA,
  defaults: {
    ...{ vocab_size: 256000, hidden_size: 3072, intermediate_size: 24576, num_hidden_layers: 28, head_dim: 256 },
    ...{ num_attention_heads: 16, num_key_value_heads: 16, hidden_act: "gelu_pytorch_tanh" },
    ...{ max_position_embeddings: 8192, rms_norm_eps: 1e-6, rope_theta: 10000, tie_word_embeddings: true },
  },
  norm: { kind: "rms", plusOne: true, epsilonKey: "rms_norm_eps" },
  // published configurations say gelu and mean its approximation
  activations: { gelu: "gelu_pytorch_tanh" },
  biases: (settings) => {
    const attention = settings.flag("attention_bias");
    return { qkv: attention, output: attention, mlp: false };
  },
  scalesEmbeddings: true,
  refused: { use_bidirectional_attention: "lets tokens see those after them, which is for embeddings, not generation" },
};

const GEMMA2: Family = {
  ...GEMMA,
  names: {
    ...LLAMA_NAMES,
    postAttentionNorm: "post_attention_layernorm",
    mlpNorm: "pre_feedforward_layernorm",
    postMlpNorm: "post_feedforward_layernorm",
  },
  defaults: {
    ...{ ...GEMMA.defaults, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26 },
    ...{ num_attention_heads: 8, num_key_value_heads: 4, hidden_activation: "gelu_pytorch_tanh", sliding_window: 4096 },
    ...{ query_pre_attn_scalar: 256, attn_logit_softcapping: 50, final_logit_softcapping: 30 },
  },
  activationKey: "hidden_activation",
  activations: {},
  window: (settings, layer) => {
    const type = layerType(settings, layer) ?? (layer % 2 === 0 ? "sliding_attention" : "full_attention");
    return type === "sliding_attention" ? settings.optionalSize("sliding_window") : undefined;
  },
  attentionScale: (settings) => settings.positive("query_pre_attn_scalar") ** -0.5,
  attentionCapKey: "attn_logit_softcapping",
  logitCapKey: "final_logit_softcapping",
};

const { attentionCapKey: _, ...UNCAPPED_GEMMA2 } = GEMMA2;
const GEMMA3: Family = {
  ...UNCAPPED_GEMMA2,
  names: { ...GEMMA2.names, queryNorm: "self_attn.q_norm", keyNorm: "self_attn.k_norm" },
  defaults: {
    ...{ ...GEMMA2.defaults, vocab_size: 262208, max_position_embeddings: 131072, final_logit_softcapping: null },
    ...{ rope_theta: 1000000, rope_local_base_freq: 10000, sliding_window_pattern: 6 },
  },
  window: (settings, layer) => (gemma3Slides(settings, layer) ? settings.optionalSize("sliding_window") : undefined),
  rope: (settings, layer) =>
    gemma3Slides(settings, layer)
      ? { layerType: "sliding_attention", scaled: false, thetaKey: "rope_local_base_freq" }
      : ROPE,
};

const PHI3: Family = {
  ...LLAMA,
  names: { ...LLAMA_NAMES, qkv: ["self_attn.qkv_proj"], gateUp: "mlp.gate_up_proj" },
  defaults: {
    ...{ vocab_size: 32064, hidden_size: 3072, intermediate_size: 8192, num_hidden_layers: 32 },
    ...{ num_attention_heads: 32, hidden_act: "silu", max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
    ...{ original_max_position_embeddings: 4096, rope_theta: 10000, tie_word_embeddings: false },
  },
  biases: () => NO_BIAS,
  window: (settings) => settings.optionalSize("sliding_window"),
  // its first checkpoints call long rope by its older names
  rope: () => ({ ...ROPE, aliases: { su: "longrope", yarn: "longrope" } }),
};

const GPT2: Family = {
  names: {
    ...{ embedding: "wte", positions: "wpe", layers: "h", finalNorm: "ln_f", inputNorm: "ln_1" },
    ...{ qkv: ["attn.c_attn"], output: "attn.c_proj", mlpNorm: "ln_2", up: "mlp.c_fc", down: "mlp.c_proj" },
  },
  defaults: {
    ...{ vocab_size: 50257, max_position_embeddings: 1024, hidden_size: 768, num_hidden_layers: 12 },
    ...{ num_attention_heads: 12, activation_function: "gelu_new", layer_norm_epsilon: 1e-5 },
    ...{ scale_attn_weights: true, tie_word_embeddings: true },
  },
  aliases: {
    ...{ hidden_size: "n_embd", num_hidden_layers: "n_layer", num_attention_heads: "n_head" },
    ...{ max_position_embeddings: "n_positions", intermediate_size: "n_inner" },
  },
  norm: { kind: "layer", plusOne: false, epsilonKey: "layer_norm_epsilon" },
  layout: "in-out",
  activationKey: "activation_function",
  biases: () => ({ qkv: true, output: true, mlp: true }),
  scalesEmbeddings: false,
  attentionScale: (settings, layer, headDim) =>
    (settings.flag("scale_attn_weights") ? headDim ** -0.5 : 1) /
    (settings.flag("scale_attn_by_inverse_layer_idx") ? layer + 1 : 1),
  rope: () => undefined,
  refused: { add_cross_attention: "makes it the decoder of an encoder's output" },
};

/** model_type of config.json (of text_config, in models of several modules) -> family. */
export const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ["llama", LLAMA],
  ["smollm3", SMOLLM3],
  ["mistral", MISTRAL],
  ["qwen2", QWEN2],
  // their language models; older files have all settings in one object, under the name of the whole
  ["qwen2_vl", QWEN2],
  ["qwen2_vl_text", QWEN2],
  ["qwen2_5_vl", QWEN2],
  ["qwen2_5_vl_text", QWEN2],
  ["qwen3", QWEN3],
  ["gemma", GEMMA],
  ["gemma2", GEMMA2],
  ["gemma3_text", GEMMA3],
  ["phi3", PHI3],
  ["gpt2", GPT2],
]);

/** What `layer_types` says of a layer; undefined without such a list. */
function layerType(settings: ConfigReader, layer: number): "full_attention" | "sliding_attention" | undefined {
  const types = settings.optionalList("layer_types");
  if (!types) return undefined;
  const layers = settings.size("num_hidden_layers");
  if (types.length !== layers) {
    throw settings.error("layer_types", `has ${types.length} entries for ${layers} layers`);
  }
  const type = types[layer];
  if (type === "full_attention" || type === "sliding_attention") return type;
  throw settings.error(
    "layer_types",
    `says ${JSON.stringify(type)?.slice(0, 40)} of layer ${layer}`,
    "Known are full_attention and sliding_attention.",
  );
}

function gemma3Slides(settings: ConfigReader, layer: number): boolean {
  const type = layerType(settings, layer);
  if (type) return type === "sliding_attention";
  return (layer + 1) % settings.size("sliding_window_pattern") !== 0;
}

/** SmolLM 3: every fourth layer, or those that a list says, does without rotation. */
function rotates(settings: ConfigReader, layer: number): boolean {
  const list = settings.optionalList("no_rope_layers");
  return list ? list[layer] === 1 : (layer + 1) % settings.size("no_rope_layer_interval") !== 0;
}
