// Llama, and what is stored as one (Mistral, SmolLM).

import type { GgufFamily, GgufKey, GgufModule } from "./types.js";

/** Of every decoder with rotary positions and a gated MLP. */
export const DECODER_MODULES: readonly GgufModule[] = [
  { hf: "model.embed_tokens", gguf: "token_embd" },
  { hf: "model.norm", gguf: "output_norm" },
  { hf: "lm_head", gguf: "output" },
  { hf: "model.layers.{n}.input_layernorm", gguf: "blk.{n}.attn_norm" },
  { hf: "model.layers.{n}.self_attn.q_proj", gguf: "blk.{n}.attn_q" },
  { hf: "model.layers.{n}.self_attn.k_proj", gguf: "blk.{n}.attn_k" },
  { hf: "model.layers.{n}.self_attn.v_proj", gguf: "blk.{n}.attn_v" },
  { hf: "model.layers.{n}.self_attn.o_proj", gguf: "blk.{n}.attn_output" },
  { hf: "model.layers.{n}.post_attention_layernorm", gguf: "blk.{n}.ffn_norm" },
  { hf: "model.layers.{n}.mlp.gate_proj", gguf: "blk.{n}.ffn_gate" },
  { hf: "model.layers.{n}.mlp.up_proj", gguf: "blk.{n}.ffn_up" },
  { hf: "model.layers.{n}.mlp.down_proj", gguf: "blk.{n}.ffn_down" },
];

/** In the order of llama.cpp's converter. */
export const DECODER_KEYS: readonly GgufKey[] = [
  { key: "block_count", config: "num_hidden_layers", type: "u32", required: true },
  { key: "context_length", config: "max_position_embeddings", type: "u32", required: true },
  { key: "embedding_length", config: "hidden_size", type: "u32", required: true },
  { key: "feed_forward_length", config: "intermediate_size", type: "u32", required: true },
  { key: "attention.head_count", config: "num_attention_heads", type: "u32", required: true },
  { key: "attention.head_count_kv", config: "num_key_value_heads", type: "u32" },
  { key: "rope.freq_base", config: "rope_theta", type: "f32" },
  { key: "attention.layer_norm_rms_epsilon", config: "rms_norm_eps", type: "f32", required: true },
  { key: "attention.key_length", config: "head_dim", type: "u32" },
  { key: "attention.value_length", config: "head_dim", type: "u32" },
];

/** The same module under another name, or stored in another way. */
export function changed(modules: readonly GgufModule[], changes: readonly GgufModule[]): readonly GgufModule[] {
  const by = new Map(changes.map((module) => [module.hf, module]));
  const known = new Set(modules.map(({ hf }) => hf));
  return [...modules.map((module) => by.get(module.hf) ?? module), ...changes.filter(({ hf }) => !known.has(hf))];
}

export const LLAMA: GgufFamily = {
  architecture: "llama",
  modelTypes: ["llama", "mistral"],
  classes: { llama: "LlamaForCausalLM", mistral: "MistralForCausalLM" },
  modules: changed(DECODER_MODULES, [
    {
      ...{ hf: "model.layers.{n}.self_attn.q_proj", gguf: "blk.{n}.attn_q" },
      change: { interleavedHeads: "query" },
    },
    {
      ...{ hf: "model.layers.{n}.self_attn.k_proj", gguf: "blk.{n}.attn_k" },
      change: { interleavedHeads: "key" },
    },
  ]),
  keys: [
    ...DECODER_KEYS,
    { key: "vocab_size", config: "vocab_size", type: "u32" },
    { key: "rope.dimension_count", config: "head_dim", type: "u32" },
  ],
  fixed: { hidden_act: "silu" },
};
