// Makes synthetic Llama-shaped bf16 models of any size, streaming and seeded: the same arguments, the same bytes.
//   node scripts/makeLargeModel.mjs OUT [--tuned N] [--layers 16] [--hidden 2048] [--intermediate 8192]
//        [--kv 512] [--vocab 128256] [--seed 1]
// Writes OUT/base and OUT/tuned-1..N: base plus a small normal change that grows from layer to layer and that the tunings
// partly share (cosine 0.36), as real ones do.
// The defaults have the shape of Llama 3.2 1B: 1.24e9 parameters, 2.47 GB a model.

import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const BASE_DEVIATION = 0.02;
const CHUNK = 1 << 22; // values written at a time
const SHARED = -2; // the generator of what all tunings have in common; models count from 0

/**
 * `sparse`: all values are zeros that take no disk space, for measuring what does not depend on values.
 * @typedef {{ layers: number, hidden: number, intermediate: number, kv: number, vocab: number, seed: number,
 *   untied?: boolean, sparse?: boolean }} Shape
 */

export const LLAMA_1B = { layers: 16, hidden: 2048, intermediate: 8192, kv: 512, vocab: 128256, seed: 1 };
export const LLAMA_8B = {
  layers: 32,
  hidden: 4096,
  intermediate: 14336,
  kv: 1024,
  vocab: 128256,
  untied: true,
  seed: 1,
};

/**
 * Writes base and tuned models below `out`.
 * @param {string} out
 * @param {Shape} shape
 * @param {number} tuned How many tuned models.
 * @returns {string[]} Their folders, the base first.
 */
export function makeLargeModels(out, shape, tuned = 1) {
  const tensors = tensorsOf(shape);
  const folders = [];
  for (let model = 0; model <= tuned; model++) {
    const folder = join(out, model === 0 ? "base" : `tuned-${model}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.json"), `${JSON.stringify(configOf(shape), null, 2)}\n`);
    writeModel(join(folder, "model.safetensors"), tensors, shape, model);
    folders.push(folder);
  }
  return folders;
}

function tensorsOf({ layers, hidden, intermediate, kv, vocab, untied }) {
  const tensors = [{ name: "model.embed_tokens.weight", shape: [vocab, hidden], layer: 0 }];
  for (let layer = 0; layer < layers; layer++) {
    const add = (name, ...shape) => tensors.push({ name: `model.layers.${layer}.${name}.weight`, shape, layer });
    add("input_layernorm", hidden);
    add("mlp.down_proj", hidden, intermediate);
    add("mlp.gate_proj", intermediate, hidden);
    add("mlp.up_proj", intermediate, hidden);
    add("post_attention_layernorm", hidden);
    add("self_attn.k_proj", kv, hidden);
    add("self_attn.o_proj", hidden, hidden);
    add("self_attn.q_proj", hidden, hidden);
    add("self_attn.v_proj", kv, hidden);
  }
  tensors.push({ name: "model.norm.weight", shape: [hidden], layer: layers - 1 });
  if (untied) tensors.push({ name: "lm_head.weight", shape: [vocab, hidden], layer: layers - 1 });
  return tensors;
}

function configOf({ layers, hidden, intermediate, kv, vocab, untied }) {
  const headSize = Math.min(64, kv);
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: hidden / headSize,
    num_key_value_heads: kv / headSize,
    head_dim: headSize,
    vocab_size: vocab,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    tie_word_embeddings: !untied,
    torch_dtype: "bfloat16",
  };
}

function writeModel(path, tensors, { layers, seed, sparse }, model) {
  let end = 0;
  const header = {};
  for (const { name, shape } of tensors) {
    const begin = end;
    end += 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "BF16", shape, data_offsets: [begin, end] };
  }
  let json = JSON.stringify({ __metadata__: { format: "pt" }, ...header });
  json += " ".repeat((8 - (json.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, "w");
  try {
    writeSync(file, Buffer.concat([length, Buffer.from(json)]));
    if (sparse) return ftruncateSync(file, 8 + json.length + end);
    tensors.forEach(({ shape, layer }, index) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const centre = shape.length === 1 ? 1 : 0; // norms lie around one
      // Near a 3 % change the angle to the base passes SLERP's threshold: deep layers change more, early ones less.
      const change = model === 0 ? 0 : BASE_DEVIATION * (0.01 + 0.06 * (layer / Math.max(1, layers - 1)));
      const random = [generator(seed, index, 0), generator(seed, index, SHARED), generator(seed, index, model)];
      for (let done = 0; done < count; done += CHUNK) {
        writeSync(file, chunk(Math.min(CHUNK, count - done), centre, change, random));
      }
    });
  } finally {
    closeSync(file);
  }
}

const values = new Float32Array(CHUNK);
const words = new Uint32Array(values.buffer);
const halves = new Uint16Array(CHUNK);
const NORMAL = normalTable();

/** bf16 values: centre + normal, plus change times what the tunings share and what each has alone. */
function chunk(count, centre, change, [base, shared, own]) {
  for (let i = 0; i < count; i++) values[i] = centre + BASE_DEVIATION * NORMAL[base() & 0xffff];
  for (let i = 0; i < count; i++) halves[i] = (words[i] + 0x7fff + ((words[i] >>> 16) & 1)) >>> 16;
  if (change > 0) {
    for (let i = 0; i < count; i++) words[i] = halves[i] << 16;
    for (let i = 0; i < count; i++) {
      values[i] += change * (0.6 * NORMAL[shared() & 0xffff] + 0.8 * NORMAL[own() & 0xffff]);
    }
    for (let i = 0; i < count; i++) halves[i] = (words[i] + 0x7fff + ((words[i] >>> 16) & 1)) >>> 16;
  }
  return Buffer.from(halves.buffer, 0, 2 * count);
}

/** Marsaglia's xorshift32 (Journal of Statistical Software 8, 2003), seeded by mixing three numbers. */
function generator(seed, tensor, model) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(tensor + 1, 0x85ebca6b) ^ Math.imul(model + 1, 0xc2b2ae35)) | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** 65536 values of the standard normal distribution (Box and Muller), so that drawing one is a look-up. */
function normalTable() {
  const table = new Float32Array(65536);
  const next = generator(20030704, 0, 0);
  const uniform = () => (next() + 0.5) / 2 ** 24;
  for (let i = 0; i < table.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    table[i] = radius * Math.cos(angle);
    table[i + 1] = radius * Math.sin(angle);
  }
  return table;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: "string" };
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: { tuned: text, layers: text, hidden: text, intermediate: text, kv: text, vocab: text, seed: text },
  });
  if (positionals.length !== 1) {
    console.error(
      "usage: node scripts/makeLargeModel.mjs OUT [--tuned N] [--layers N] [--hidden N] ... (see the file)",
    );
    process.exit(2);
  }
  const { tuned = "1", ...rest } = options;
  const shape = { ...LLAMA_1B };
  for (const [key, value] of Object.entries(rest)) shape[key] = Number(value);
  for (const folder of makeLargeModels(positionals[0], shape, Number(tuned))) console.log(folder);
}
