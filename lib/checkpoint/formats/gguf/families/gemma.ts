// Gemma, Gemma 2 and the language model of Gemma 3. Their norms multiply by 1 + w; GGUF stores the sum.

import { changed, DECODER_KEYS, DECODER_MODULES } from "./llama.js";
import type { Config, GgufFamily, GgufKey, GgufModule } from "./types.js";

const ONE = { plus: 1 } as const;
const layer = (hf: string, gguf: string): GgufModule => {
  return { hf: `model.layers.{n}.${hf}`, gguf: `blk.{n}.${gguf}`, change: ONE };
};

const GEMMA_MODULES = changed(DECODER_MODULES, [
  { hf: "model.norm", gguf: "output_norm", change: ONE },
  layer("input_layernorm", "attn_norm"),
  layer("post_attention_layernorm", "ffn_norm"),
]);

const GEMMA2_MODULES = changed(GEMMA_MODULES, [
  layer("post_attention_layernorm", "post_attention_norm"),
  layer("pre_feedforward_layernorm", "ffn_norm"),
  layer("post_feedforward_layernorm", "post_ffw_norm"),
]);

const WINDOW: GgufKey = { key: "attention.sliding_window", config: "sliding_window", type: "u32" };
const LOGIT_CAP: GgufKey = { key: "final_logit_softcapping", config: "final_logit_softcapping", type: "f32" };
const WITHOUT_ROPE = DECODER_KEYS.filter(({ key }) => key !== "rope.freq_base");

/**
 * What q is divided by the root of. The file does not say it: llama.cpp goes by the size of a head, in the largest model
 * by the hidden size over the heads, and knows that one by its layers.
 */
function queryScalar(largest: number, { num_hidden_layers, hidden_size, num_attention_heads, head_dim }: Config) {
  const own = num_hidden_layers === largest ? (hidden_size as number) / (num_attention_heads as number) : head_dim;
  return { query_pre_attn_scalar: own };
}

export const GEMMA: GgufFamily = {
  architecture: "gemma",
  modelTypes: ["gemma"],
  classes: { gemma: "GemmaForCausalLM" },
  modules: GEMMA_MODULES,
  keys: WITHOUT_ROPE,
  fixed: { hidden_act: "gelu_pytorch_tanh", hidden_activation: "gelu_pytorch_tanh", rope_theta: 10000 },
};

export const GEMMA2: GgufFamily = {
  architecture: "gemma2",
  modelTypes: ["gemma2"],
  classes: { gemma2: "Gemma2ForCausalLM" },
  modules: GEMMA2_MODULES,
  keys: [
    ...WITHOUT_ROPE,
    { key: "attn_logit_softcapping", config: "attn_logit_softcapping", type: "f32" },
    LOGIT_CAP,
    WINDOW,
  ],
  fixed: { hidden_act: "gelu_pytorch_tanh", hidden_activation: "gelu_pytorch_tanh", rope_theta: 10000 },
  derived: (config) => queryScalar(46, config),
};

export const GEMMA3: GgufFamily = {
  architecture: "gemma3",
  modelTypes: ["gemma3_text", "gemma3"],
  classes: { gemma3_text: "Gemma3ForCausalLM", gemma3: "Gemma3ForConditionalGeneration" },
  modules: changed(GEMMA2_MODULES, [
    layer("self_attn.q_norm", "attn_q_norm"),
    layer("self_attn.k_norm", "attn_k_norm"),
  ]),
  keys: [
    ...DECODER_KEYS,
    { key: "rope.freq_base_swa", config: "rope_local_base_freq", type: "f32" },
    LOGIT_CAP,
    WINDOW,
  ],
  fixed: {
    ...{ hidden_act: "gelu_pytorch_tanh", hidden_activation: "gelu_pytorch_tanh", attn_logit_softcapping: null },
    ...{ sliding_window_pattern: 6, rope_theta: 1000000, rope_local_base_freq: 10000 },
  },
  derived: (config) => queryScalar(62, config),
};
