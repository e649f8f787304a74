// GPT-2, whose matrices are [in, out] in its checkpoints.

import type { GgufFamily } from "./types.js";

const TURNED = { transposed: true } as const;

export const GPT2: GgufFamily = {
  architecture: "gpt2",
  modelTypes: ["gpt2"],
  classes: { gpt2: "GPT2LMHeadModel" },
  modules: [
    { hf: "transformer.wte", gguf: "token_embd" },
    { hf: "transformer.wpe", gguf: "position_embd" },
    { hf: "transformer.ln_f", gguf: "output_norm" },
    { hf: "lm_head", gguf: "output" },
    { hf: "transformer.h.{n}.ln_1", gguf: "blk.{n}.attn_norm" },
    { hf: "transformer.h.{n}.attn.c_attn", gguf: "blk.{n}.attn_qkv", change: TURNED },
    { hf: "transformer.h.{n}.attn.c_proj", gguf: "blk.{n}.attn_output", change: TURNED },
    { hf: "transformer.h.{n}.ln_2", gguf: "blk.{n}.ffn_norm" },
    { hf: "transformer.h.{n}.mlp.c_fc", gguf: "blk.{n}.ffn_up", change: TURNED },
    { hf: "transformer.h.{n}.mlp.c_proj", gguf: "blk.{n}.ffn_down", change: TURNED },
  ],
  keys: [
    { key: "block_count", config: "n_layer", type: "u32", required: true },
    { key: "context_length", config: "n_positions", type: "u32", required: true },
    { key: "embedding_length", config: "n_embd", type: "u32", required: true },
    { key: "feed_forward_length", config: "n_inner", type: "u32" },
    { key: "attention.head_count", config: "n_head", type: "u32", required: true },
    { key: "attention.layer_norm_epsilon", config: "layer_norm_epsilon", type: "f32", required: true },
  ],
  fixed: { activation_function: "gelu_new" },
};
