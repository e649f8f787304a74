// Small models as repositories hold them, with everything beside them that nobody needs twice.

import { safetensors } from "../unit/checkpoint/fixtures.js";
import type { Hub } from "./hubServer.js";
import { commit, largeFile, type Repository, regularFile, type StoredFile, sha256 } from "./store.js";

export const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7919) % 251));

const CONFIG = JSON.stringify({ model_type: "llama", num_hidden_layers: 2, vocab_size: 6, hidden_size: 4 });

/** Weights of two layers of nothing much; `fill` makes models differ. */
export function tensorsOf(fill: number, width = 4) {
  const matrix = { shape: [width, width], values: Array.from({ length: width * width }, (_, at) => fill + at) };
  const layers = [0, 1].flatMap((layer) => [
    [`model.layers.${layer}.self_attn.q_proj.weight`, matrix] as const,
    [`model.layers.${layer}.mlp.up_proj.weight`, matrix] as const,
  ]);
  const rows = { shape: [6, width], values: Array.from({ length: 6 * width }, (_, at) => fill - at) };
  return { "model.embed_tokens.weight": rows, ...Object.fromEntries(layers) };
}

/** One file of weights, and the same in other forms. */
export function singleModel(fill = 1, width = 4): Record<string, Buffer | string> {
  return {
    "config.json": CONFIG,
    "generation_config.json": "{}",
    "tokenizer.json": '{"model": {}}',
    "tokenizer_config.json": '{"a": 1}',
    "README.md": "---\nlicense: mit\n---\n",
    LICENSE: "do what you like",
    "model.safetensors": safetensors(tensorsOf(fill, width)),
    "pytorch_model.bin": bytes(2000),
    "model.Q8_0.gguf": bytes(2000),
    "consolidated.safetensors": bytes(2000),
    "onnx/model.onnx": bytes(2000),
    "training_args.bin": bytes(200),
    "runs/events.out": "x",
  };
}

/** What of `singleModel` is needed. */
export const NEEDED = [
  ...["LICENSE", "README.md", "config.json", "generation_config.json"],
  ...["model.safetensors", "tokenizer.json", "tokenizer_config.json"],
];

/** The same in two shards. */
export function shardedModel(fill = 1, width = 4): Record<string, Buffer | string> {
  const all = Object.entries(tensorsOf(fill, width));
  const half = Math.ceil(all.length / 2);
  const shards = {
    "model-00001-of-00002.safetensors": all.slice(0, half),
    "model-00002-of-00002.safetensors": all.slice(half),
  };
  const map = Object.entries(shards).flatMap(([file, own]) => own.map(([name]) => [name, file] as const));
  const { "model.safetensors": _, ...others } = singleModel(fill, width);
  return {
    ...others,
    "model.safetensors.index.json": JSON.stringify({ weight_map: Object.fromEntries(map) }),
    ...Object.fromEntries(Object.entries(shards).map(([file, own]) => [file, safetensors(Object.fromEntries(own))])),
  };
}

/** An adapter of the models above. */
export function adapterOf(base: string, width = 4): Record<string, Buffer | string> {
  const factor = { shape: [2, width], values: Array.from({ length: 2 * width }, (_, at) => at / 8) };
  const name = "base_model.model.model.layers.0.self_attn.q_proj";
  return {
    "adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 4, base_model_name_or_path: base }),
    "adapter_model.safetensors": safetensors({
      [`${name}.lora_A.weight`]: factor,
      [`${name}.lora_B.weight`]: { shape: [width, 2], values: factor.values },
    }),
    "optimizer.pt": bytes(300),
  };
}

/**
 * A model as large as one of 70 billion parameters, of which the server has the headers only: whoever asks for more than these does not
 * get it.
 */
export function putVast(hub: Hub, id: string) {
  const [layers, hidden, inner, vocabulary] = [80, 8192, 28_672, 128_256];
  const ofLayer: [string, number[]][] = [
    ["input_layernorm", [hidden]],
    ["post_attention_layernorm", [hidden]],
    ["self_attn.q_proj", [hidden, hidden]],
    ["self_attn.k_proj", [hidden / 8, hidden]],
    ["self_attn.v_proj", [hidden / 8, hidden]],
    ["self_attn.o_proj", [hidden, hidden]],
    ["mlp.gate_proj", [inner, hidden]],
    ["mlp.up_proj", [inner, hidden]],
    ["mlp.down_proj", [hidden, inner]],
  ];
  const all: [string, number[]][] = [
    ["model.embed_tokens.weight", [vocabulary, hidden]],
    ...Array.from({ length: layers }, (_, layer) =>
      ofLayer.map(([name, shape]): [string, number[]] => [`model.layers.${layer}.${name}.weight`, shape]),
    ).flat(),
    ["model.norm.weight", [hidden]],
    ["lm_head.weight", [vocabulary, hidden]],
  ];
  const shards: [string, number[], number][][] = [];
  let room = 0;
  for (const [name, shape] of all) {
    const size = 2 * shape.reduce((product, one) => product * one, 1);
    if (size > room) {
      shards.push([]);
      room = 5e9;
    }
    room -= size;
    shards.at(-1)?.push([name, shape, size]);
  }
  const map: Record<string, string> = {};
  const files = new Map<string, StoredFile>();
  let bytes = 0;
  for (const [at, shard] of shards.entries()) {
    const file = `model-${String(at + 1).padStart(5, "0")}-of-${String(shards.length).padStart(5, "0")}.safetensors`;
    const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
    let offset = 0;
    for (const [name, shape, size] of shard) {
      header[name] = { dtype: "BF16", shape, data_offsets: [offset, offset + size] };
      map[name] = file;
      offset += size;
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const start = Buffer.concat([length, text]);
    hub.store.objects.set(sha256(start), start);
    files.set(file, largeFile(sha256(start), start.length + offset));
    bytes += offset;
  }
  const config = { model_type: "llama", num_hidden_layers: layers, hidden_size: hidden, vocab_size: vocabulary };
  files.set("config.json", regularFile(Buffer.from(JSON.stringify(config))));
  files.set("tokenizer.json", largeFile(sha256(Buffer.from(id)), 9_085_657));
  files.set("model.safetensors.index.json", regularFile(Buffer.from(JSON.stringify({ weight_map: map }, null, 2))));
  hub.put(id, {});
  commit(hub.repository(id) as Repository, "main", "upload", "", files);
  return { tensors: all.length, shards: shards.length, bytes };
}
