// A Llama checkpoint as its headers show it: names, dtypes and shapes, no bytes.

import type { Dtype } from "../../../../lib/addon/dtype.js";
import type { Checkpoint, StoredTensor } from "../../../../lib/checkpoint/types.js";

export const CONFIG = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: false,
};

const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "input_layernorm.weight": [8],
  "self_attn.q_proj.weight": [8, 8],
  "self_attn.k_proj.weight": [4, 8],
  "self_attn.v_proj.weight": [4, 8],
  "self_attn.o_proj.weight": [8, 8],
  "post_attention_layernorm.weight": [8],
  "mlp.gate_proj.weight": [12, 8],
  "mlp.up_proj.weight": [12, 8],
  "mlp.down_proj.weight": [8, 12],
};

/** `change`: tensors with another shape or dtype, or null for none at all, under their names without the prefix. */
export function llamaCheckpoint(
  config: Record<string, unknown> = {},
  change: Readonly<Record<string, { shape?: readonly number[]; dtype?: Dtype } | null>> = {},
  prefix = "model.",
): Checkpoint {
  const tensors = new Map<string, StoredTensor>();
  const add = (name: string, shape: readonly number[]) => {
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const changed = change[short];
    if (changed !== null) {
      tensors.set(name, { name, dtype: "BF16", shape, file: 0, offset: 0, bytes: 0, ...changed });
    }
  };
  add(`${prefix}embed_tokens.weight`, [11, 8]);
  for (const layer of [0, 1]) {
    for (const [name, shape] of Object.entries(SHAPES)) add(`${prefix}layers.${layer}.${name}`, shape);
  }
  add(`${prefix}norm.weight`, [8]);
  add("lm_head.weight", [11, 8]);
  for (const [name, changed] of Object.entries(change)) {
    if (changed?.shape && !tensors.has(name) && !tensors.has(prefix + name)) add(prefix + name, changed.shape);
  }
  return { reference: "m", folder: "/models/m", files: [], tensors, config: { ...CONFIG, ...config } };
}
