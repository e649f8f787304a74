// Writes a checkpoint as the GGUF file that llama.cpp's converter would make of it, in float32: permuted q and k, norms + 1,
// turned matrices, factors of rotary positions. Written from the converter's description, apart from lib's own table.

import { readFileSync } from "node:fs";
import type { Checkpoint } from "../../../../lib/checkpoint/types.js";
import { type BuiltTensor, ggufBytes, type Typed } from "./ggufBytes.js";

const golden = JSON.parse(readFileSync(new URL("../../../golden/gguf/names.json", import.meta.url), "utf8")) as Record<
  string,
  { readonly architecture: string; readonly names: Readonly<Record<string, string>> }
>;

export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** All tensors of a bfloat16 checkpoint. */
export function valuesOf({ files, tensors }: Checkpoint): Map<string, Values> {
  const contents = files.map(({ path }) => readFileSync(path));
  return new Map(
    [...tensors.values()].map(({ name, shape, file, offset, bytes }) => {
      const content = contents[file] as Buffer;
      const values = new Float32Array(bytes / 2);
      const bits = new Uint32Array(values.buffer);
      for (let i = 0; i < values.length; i++) bits[i] = content.readUInt16LE(offset + 2 * i) << 16;
      return [name, { shape, values }];
    }),
  );
}

/** Rows of each head: pairs (row j, row j + half) become neighbours. */
function permuted({ shape, values }: Values, heads: number): Values {
  const [rows = 1, cols = 1] = shape;
  const [head, half] = [rows / heads, rows / heads / 2];
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const within = row % head;
    const to = row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    out.set(values.subarray(row * cols, (row + 1) * cols), to * cols);
  }
  return { shape, values: out };
}

function turned({ shape, values }: Values): Values {
  const [rows = 1, cols = 1] = shape;
  return {
    shape: [cols, rows],
    values: values.map((_, at) => values[(at % rows) * cols + Math.floor(at / rows)] ?? 0),
  };
}

/** The values as the file stores them, by GGUF's names. */
export function converted(
  model: string,
  tensors: ReadonlyMap<string, Values>,
  config: Readonly<Record<string, unknown>>,
) {
  const { architecture, names } = golden[model] as (typeof golden)[string];
  const heads = config.num_attention_heads as number;
  return [...tensors].map(([name, stored]): [string, Values] => {
    let made = stored;
    if (architecture === "llama" && name.includes("q_proj")) made = permuted(stored, heads);
    if (architecture === "llama" && name.includes("k_proj"))
      made = permuted(stored, config.num_key_value_heads as number);
    if (architecture.startsWith("gemma") && name.endsWith("norm.weight")) {
      made = { shape: stored.shape, values: stored.values.map((value) => value + 1) };
    }
    if (/\.(c_attn|c_proj|c_fc)\.weight$/.test(name)) made = turned(stored);
    return [names[name] as string, made];
  });
}

/** Metadata as the converter writes them, of those that reading needs. */
export function metadataOf(model: string, config: Readonly<Record<string, unknown>>): (readonly [string, Typed])[] {
  const { architecture } = golden[model] as (typeof golden)[string];
  const size = (key: string, value: unknown) =>
    typeof value === "number" ? [[`${architecture}.${key}`, ["u32", value]] as const] : [];
  const real = (key: string, value: unknown) =>
    typeof value === "number" ? [[`${architecture}.${key}`, ["f32", value]] as const] : [];
  const scaling = config.rope_scaling as { rope_type?: string; factor?: number } | null | undefined;
  return [
    ["general.architecture", ["text", architecture]],
    ...size("block_count", config.num_hidden_layers ?? config.n_layer),
    ...size("context_length", config.max_position_embeddings ?? config.n_positions),
    ...size("embedding_length", config.hidden_size ?? config.n_embd),
    ...size("feed_forward_length", config.intermediate_size ?? 4 * (config.n_embd as number)),
    ...size("attention.head_count", config.num_attention_heads ?? config.n_head),
    ...size("attention.head_count_kv", config.num_key_value_heads),
    ...real("attention.layer_norm_rms_epsilon", config.rms_norm_eps),
    ...real("attention.layer_norm_epsilon", config.layer_norm_epsilon),
    ...real("rope.freq_base", architecture === "gemma" || architecture === "gemma2" ? undefined : config.rope_theta),
    ...size("attention.key_length", config.head_dim),
    ...size("attention.value_length", config.head_dim),
    ...size(
      "attention.sliding_window",
      architecture === "gemma2" || architecture === "gemma3" ? config.sliding_window : undefined,
    ),
    ...real("attn_logit_softcapping", config.attn_logit_softcapping),
    ...real("final_logit_softcapping", config.final_logit_softcapping),
    ...(scaling?.rope_type === "linear"
      ? [
          [`${architecture}.rope.scaling.type`, ["text", "linear"]] as const,
          [`${architecture}.rope.scaling.factor`, ["f32", scaling.factor as number]] as const,
        ]
      : []),
  ];
}

/** Llama 3's factors, by the formula of its paper's code. */
export function llama3Tensor(config: Readonly<Record<string, unknown>>): [string, Values] {
  const {
    factor,
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: context,
  } = config.rope_scaling as Readonly<Record<string, number>> as Record<
    "factor" | "low_freq_factor" | "high_freq_factor" | "original_max_position_embeddings",
    number
  >;
  const size = (config.hidden_size as number) / (config.num_attention_heads as number);
  const values = Float32Array.from({ length: size / 2 }, (_, i) => {
    const wave = 2 * Math.PI * (config.rope_theta as number) ** ((2 * i) / size);
    if (wave < context / high) return 1;
    if (wave > context / low) return factor;
    const smooth = (context / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
  return ["rope_freqs.weight", { shape: [size / 2], values }];
}

export function f32Tensor([name, { shape, values }]: readonly [string, Values]): BuiltTensor {
  return { name, dims: [...shape].reverse(), type: 0, bytes: new Uint8Array(values.buffer) };
}

export function f32File(
  metadata: readonly (readonly [string, Typed])[],
  tensors: readonly (readonly [string, Values])[],
) {
  return ggufBytes({ metadata, tensors: tensors.map(f32Tensor) });
}
