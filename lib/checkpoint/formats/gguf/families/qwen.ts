// Qwen 2 (and 2.5) and Qwen 3.

import { changed, DECODER_KEYS, DECODER_MODULES } from "./llama.js";
import type { GgufFamily } from "./types.js";

export const QWEN2: GgufFamily = {
  architecture: "qwen2",
  modelTypes: ["qwen2"],
  classes: { qwen2: "Qwen2ForCausalLM" },
  modules: DECODER_MODULES,
  keys: DECODER_KEYS,
  fixed: { hidden_act: "silu", use_sliding_window: false },
};

export const QWEN3: GgufFamily = {
  architecture: "qwen3",
  modelTypes: ["qwen3"],
  classes: { qwen3: "Qwen3ForCausalLM" },
  modules: changed(DECODER_MODULES, [
    { hf: "model.layers.{n}.self_attn.q_norm", gguf: "blk.{n}.attn_q_norm" },
    { hf: "model.layers.{n}.self_attn.k_norm", gguf: "blk.{n}.attn_k_norm" },
  ]),
  keys: DECODER_KEYS,
  fixed: { hidden_act: "silu", use_sliding_window: false },
};
