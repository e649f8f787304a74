// Writes a Llama checkpoint as a GGUF file, in bfloat16 or float32, so that llama.cpp runs the same weights.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little-endian).

import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

const TYPES = { u32: 4, f32: 6, bool: 7, string: 8, array: 9, i32: 5 };
const ALIGN = 32;
const F32 = 0;
const BF16 = 30;
const NAMES = {
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/**
 * @param {string} model a folder with config.json, tokenizer.json and one bfloat16 model.safetensors of the Llama family
 * @param {string} out
 * @param {"bfloat16" | "float32"} dtype of the matrices; norms are float32, as llama.cpp wants them
 */
export function writeGguf(model, out, dtype) {
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
  const file = openSync(join(model, "model.safetensors"), "r");
  const length = Buffer.alloc(8);
  readSync(file, length, 0, 8, 0);
  const head = Buffer.alloc(Number(length.readBigUInt64LE()));
  readSync(file, head, 0, head.length, 8);
  const tensors = Object.entries(JSON.parse(head.toString()))
    .filter(([name]) => name !== "__metadata__")
    .map(
      ([
        name,
        {
          shape,
          data_offsets: [begin, end],
        },
      ]) => ({
        name: ggufName(name),
        shape,
        heads: rotated(name, config),
        begin: 8 + head.length + begin,
        end: 8 + head.length + end,
        type: shape.length === 1 || dtype === "float32" ? F32 : BF16,
      }),
    );
  let at = 0;
  for (const tensor of tensors) {
    tensor.offset = at;
    const elements = tensor.shape.reduce((product, n) => product * n, 1);
    at += Math.ceil((elements * (tensor.type === F32 ? 4 : 2)) / ALIGN) * ALIGN;
  }
  const target = openSync(out, "w");
  const header = Buffer.concat([...headerParts(config, tokens(model, config), tensors)]);
  writeSync(target, header);
  const start = Math.ceil(header.length / ALIGN) * ALIGN;
  for (const tensor of tensors) {
    let bytes = Buffer.alloc(tensor.end - tensor.begin);
    readSync(file, bytes, 0, bytes.length, tensor.begin);
    if (tensor.heads) bytes = interleave(bytes, tensor.shape, tensor.heads);
    if (tensor.type === F32) bytes = widen(bytes);
    writeSync(target, bytes, 0, bytes.length, start + tensor.offset);
  }
  closeSync(target);
  closeSync(file);
}

function ggufName(name) {
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  if (name === "lm_head.weight") return "output.weight";
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  if (!NAMES[part]) throw new Error(`no GGUF name for ${name}`);
  return `blk.${layer}.${NAMES[part]}.weight`;
}

/** How many heads a matrix's rows make, where llama.cpp wants the two halves of each head interleaved. */
function rotated(name, config) {
  if (name.includes("q_proj")) return config.num_attention_heads;
  if (name.includes("k_proj")) return config.num_key_value_heads;
  return 0;
}

function interleave(bytes, [rows], heads) {
  const out = Buffer.alloc(bytes.length);
  const row = bytes.length / rows;
  const half = rows / heads / 2;
  for (let r = 0; r < rows; r++) {
    const head = Math.floor(r / (2 * half));
    const within = r % (2 * half);
    const to = head * 2 * half + (within % half) * 2 + (within < half ? 0 : 1);
    bytes.copy(out, to * row, r * row, (r + 1) * row);
  }
  return out;
}

function widen(bytes) {
  const out = Buffer.alloc(bytes.length * 2);
  for (let i = 0; i < bytes.length; i += 2) {
    out[2 * i + 2] = bytes[i];
    out[2 * i + 3] = bytes[i + 1];
  }
  return out;
}

function tokens(model, config) {
  const { model: bpe, added_tokens: added = [] } = JSON.parse(readFileSync(join(model, "tokenizer.json"), "utf8"));
  const list = Array.from({ length: config.vocab_size }, (_, id) => `<unused ${id}>`);
  for (const [text, id] of Object.entries(bpe.vocab)) list[id] = text;
  for (const { id, content } of added) list[id] = content;
  const merges = bpe.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  // llama.cpp's byte-level vocabulary wants at least one merge.
  return { list, merges: merges.length > 0 ? merges : ["a b"] };
}

function* headerParts(config, { list, merges }, tensors) {
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const pairs = [
    ["general.architecture", "string", "llama"],
    ["general.name", "string", "benchmark"],
    ["llama.block_count", "u32", config.num_hidden_layers],
    ["llama.context_length", "u32", config.max_position_embeddings ?? 4096],
    ["llama.embedding_length", "u32", config.hidden_size],
    ["llama.feed_forward_length", "u32", config.intermediate_size],
    ["llama.attention.head_count", "u32", config.num_attention_heads],
    ["llama.attention.head_count_kv", "u32", config.num_key_value_heads],
    ["llama.attention.layer_norm_rms_epsilon", "f32", config.rms_norm_eps],
    ["llama.rope.dimension_count", "u32", headDim],
    ["llama.rope.freq_base", "f32", config.rope_theta],
    ["llama.vocab_size", "u32", config.vocab_size],
    ["tokenizer.ggml.model", "string", "gpt2"],
    ["tokenizer.ggml.pre", "string", "smollm"],
    ["tokenizer.ggml.tokens", "array", ["string", list]],
    ["tokenizer.ggml.token_type", "array", ["i32", list.map(() => 1)]],
    ["tokenizer.ggml.merges", "array", ["string", merges]],
    ["tokenizer.ggml.bos_token_id", "u32", 1],
    ["tokenizer.ggml.eos_token_id", "u32", 2],
  ];
  yield Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(pairs.length)]);
  for (const [key, type, value] of pairs) yield Buffer.concat([text(key), u32(TYPES[type]), encode(type, value)]);
  for (const { name, shape, type, offset } of tensors) {
    yield Buffer.concat([text(name), u32(shape.length), ...shape.toReversed().map(u64), u32(type), u64(offset)]);
  }
}

function encode(type, value) {
  if (type === "string") return text(value);
  if (type === "u32") return u32(value);
  if (type === "array") {
    const [kind, items] = value;
    return Buffer.concat([u32(TYPES[kind]), u64(items.length), ...items.map((item) => encode(kind, item))]);
  }
  const bytes = Buffer.alloc(4);
  if (type === "f32") bytes.writeFloatLE(value);
  else bytes.writeInt32LE(value);
  return bytes;
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
