// A LoRA adapter on every linear layer of a benchmark's model: values do not matter for times, shapes and dtype do. A product
// of bfloat16 factors is rounded before it is used, and then is no plain sum; one of float32, as tunings write it, is.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { benchFolder } from "./models.mjs";

/**
 * Writes adapter_config.json and adapter_model.safetensors.
 * @param {string} model folder of the model it is for
 * @param {string} out folder that exists
 * @param {number} rank
 * @param {"bfloat16" | "float32"} dtype
 */
export function writeAdapter(model, out, rank, dtype) {
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
  const {
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_attention_heads: heads,
  } = config;
  const size = config.head_dim ?? hidden / heads;
  const [q, kv] = [heads * size, config.num_key_value_heads * size];
  const shapes = {
    "self_attn.q_proj": [q, hidden],
    "self_attn.k_proj": [kv, hidden],
    "self_attn.v_proj": [kv, hidden],
    "self_attn.o_proj": [hidden, q],
    "mlp.gate_proj": [inner, hidden],
    "mlp.up_proj": [inner, hidden],
    "mlp.down_proj": [hidden, inner],
  };
  const { name: code, made } = DTYPES[dtype];
  const header = {};
  const parts = [];
  let end = 0;
  const add = (name, rows, cols) => {
    const values = made(rows * cols);
    header[name] = { dtype: code, shape: [rows, cols], data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
    parts.push(Buffer.from(values.buffer));
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

/**
 * An adapter of a model in float32, as tunings write it: of rounded factors, products are no plain sum.
 * @param {string} model folder
 * @param {number} rank
 * @returns {string} its folder
 */
export function adapterOf(model, rank) {
  const adapter = join(benchFolder(), `adapter-${basename(model)}-${rank}`);
  mkdirSync(adapter, { recursive: true });
  writeAdapter(model, adapter, rank, "float32");
  return adapter;
}

/**
 * A recipe of a model beside itself with such an adapter, whose lambda is open.
 * @param {string} model folder
 * @param {number} rank
 * @returns {string} its file
 */
export function recipeWithAdapter(model, rank) {
  const adapter = adapterOf(model, rank);
  const models = [{ model }, { model: `${model}+${adapter}` }];
  writeFileSync(`${adapter}.json`, JSON.stringify({ merge_method: "linear", dtype: "bfloat16", models }));
  return `${adapter}.json`;
}

/** Small numbers of both signs. */
const DTYPES = {
  bfloat16: {
    name: "BF16",
    // as bits: 0x3b.. is some thousandths
    made: (count) =>
      Uint16Array.from({ length: count }, (_, i) => 0x3b80 + ((i * 2654435761) % 128) + (i % 2 === 0 ? 0x8000 : 0)),
  },
  float32: {
    name: "F32",
    made: (count) => Float32Array.from({ length: count }, (_, i) => (((i * 7919) % 1009) / 1009 - 0.5) / 64),
  },
};
