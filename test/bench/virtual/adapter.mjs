// A LoRA adapter on every linear layer of a benchmark's model: values do not matter for times, shapes do.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes adapter_config.json and adapter_model.safetensors, in bfloat16.
 * @param {string} model folder of the model it is for
 * @param {string} out folder that exists
 * @param {number} rank
 */
export function writeAdapter(model, out, rank) {
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers } = config;
  const kv = config.num_key_value_heads * config.head_dim;
  const shapes = {
    "self_attn.q_proj": [hidden, hidden],
    "self_attn.k_proj": [kv, hidden],
    "self_attn.v_proj": [kv, hidden],
    "self_attn.o_proj": [hidden, hidden],
    "mlp.gate_proj": [inner, hidden],
    "mlp.up_proj": [inner, hidden],
    "mlp.down_proj": [hidden, inner],
  };
  const header = {};
  const parts = [];
  let end = 0;
  const add = (name, rows, cols) => {
    const bits = new Uint16Array(rows * cols);
    // Small numbers of both signs, as bfloat16: 0x3c.. is about 0.01.
    for (let i = 0; i < bits.length; i++) bits[i] = 0x3b80 + ((i * 2654435761) % 128) + (i % 2 === 0 ? 0x8000 : 0);
    header[name] = { dtype: "BF16", shape: [rows, cols], data_offsets: [end, end + bits.byteLength] };
    end += bits.byteLength;
    parts.push(Buffer.from(bits.buffer));
  };
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, [rows, cols]] of Object.entries(shapes)) {
      const prefix = `base_model.model.model.layers.${layer}.${name}`;
      add(`${prefix}.lora_A.weight`, rank, cols);
      add(`${prefix}.lora_B.weight`, rows, rank);
    }
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(out, "adapter_model.safetensors"), Buffer.concat([length, json, ...parts]));
  const targets = Object.keys(shapes).map((name) => name.split(".")[1]);
  const settings = { peft_type: "LORA", r: rank, lora_alpha: 2 * rank, target_modules: targets, bias: "none" };
  writeFileSync(join(out, "adapter_config.json"), JSON.stringify(settings));
}
