// Small models as repositories hold them, with everything beside them that nobody needs twice.

import { safetensors } from "../unit/checkpoint/fixtures.js";

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
