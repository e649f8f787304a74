// Phi 3 and 3.5, with q, k and v in one matrix, and gate and up in another.

import { changed, DECODER_KEYS, DECODER_MODULES } from "./llama.js";
import type { GgufFamily } from "./types.js";

const APART = /\.(q_proj|k_proj|v_proj|gate_proj|up_proj)$/;

export const PHI3: GgufFamily = {
  architecture: "phi3",
  modelTypes: ["phi3"],
  classes: { phi3: "Phi3ForCausalLM" },
  modules: changed(
    DECODER_MODULES.filter(({ hf }) => !APART.test(hf)),
    [
      { hf: "model.layers.{n}.self_attn.qkv_proj", gguf: "blk.{n}.attn_qkv" },
      { hf: "model.layers.{n}.mlp.gate_up_proj", gguf: "blk.{n}.ffn_up" },
    ],
  ),
  keys: [
    ...DECODER_KEYS.filter(({ config }) => config !== "head_dim"),
    { key: "rope.scaling.original_context_length", config: "original_max_position_embeddings", type: "u32" },
    { key: "attention.sliding_window", config: "sliding_window", type: "u32", default: 0 },
  ],
  fixed: { hidden_act: "silu" },
  derived: ({ hidden_size, num_attention_heads, sliding_window }, metadata) => {
    const rotated = metadata.get("phi3.rope.dimension_count");
    const head = (hidden_size as number) / (num_attention_heads as number);
    return {
      ...(typeof rotated === "number" && rotated !== head && { partial_rotary_factor: rotated / head }),
      ...(sliding_window === 0 && { sliding_window: null }),
    };
  },
};
