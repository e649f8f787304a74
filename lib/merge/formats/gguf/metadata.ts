// What a GGUF file says of its model beside the tokenizer: as llama.cpp's converter writes it.

import type { GgufFamily } from "../../../checkpoint/formats/gguf/families/types.js";
import type { JsonObject } from "../../../checkpoint/json.js";
import { RetemperError } from "../../../errors.js";
import type { GgufEntry, GgufVector } from "../../../plan/gguf/container.js";
import type { GgufFacts } from "../../../plan/gguf/ggufPlan.js";
import { GGUF_QUANTISATIONS } from "../../../plan/gguf/quantise.js";
import { ropeScaling, ropeWords } from "./ropeEntries.js";

/** The version of the block formats. */
const QUANTISATION_VERSION = 2;

export interface MetadataRequest {
  readonly family: GgufFamily;
  /** general.name */
  readonly name: string;
  /** config.json of the output, the part of the language model. */
  readonly config: JsonObject;
  /** generation_config.json; {} where there is none. */
  readonly generation: JsonObject;
}

/** Entries in the converter's order, up to the tokenizer's, and the vectors of rotary positions. */
export function ggufMetadata({ family, name, config, generation }: MetadataRequest, facts: GgufFacts) {
  const { architecture } = family;
  const headSize = headSizeOf(config);
  const rope = ropeWords(config, headSize);
  const scaling = ropeScaling(architecture, rope, config);
  const values: Readonly<Record<string, unknown>> = {
    ...config,
    num_key_value_heads: config.num_key_value_heads ?? config.num_attention_heads,
    rope_theta: rope.theta,
    rope_local_base_freq: rope.local,
    vocab_size: facts.vocabulary,
    n_inner: config.n_inner ?? 4 * Number(config.n_embd),
    layer_norm_epsilon: config.layer_norm_epsilon ?? 1e-5,
    original_max_position_embeddings:
      config.original_max_position_embeddings ??
      rope.own.original_max_position_embeddings ??
      config.max_position_embeddings,
    // Llama and Mistral declare it always, in the class of the configuration if not in its file.
    ...(architecture === "llama" && { head_dim: headSize }),
  };
  const own = family.keys.flatMap(({ key, config: from, type, default: fallback, required }): GgufEntry[] => {
    const value = values[from] ?? fallback;
    if (typeof value === "number") return [{ key: `${architecture}.${key}`, type, value }];
    if (required) throw missing(from);
    return [];
  });
  const written = new Set(own.map(({ key }) => key));
  const rotated: GgufEntry = { key: `${architecture}.rope.dimension_count`, type: "u32", value: rope.rotated };
  const entries: GgufEntry[] = [
    { key: "general.architecture", type: "string", value: architecture },
    { key: "general.type", type: "string", value: "model" },
    ...sampling(generation),
    { key: "general.name", type: "string", value: name },
    { key: "general.size_label", type: "string", value: sizeLabel(facts.parameters) },
    ...own,
    ...(architecture === "phi3" ? [rotated] : []),
    ...scaling.entries.filter(({ key }) => !written.has(key)),
    { key: "general.file_type", type: "u32", value: GGUF_QUANTISATIONS[facts.quantisation].fileType },
    { key: "general.quantization_version", type: "u32", value: QUANTISATION_VERSION },
  ];
  return { entries, vectors: scaling.vectors satisfies readonly GgufVector[] };
}

/** Elements of a head. @throws RetemperError INCOMPATIBLE where config.json does not say. */
export function headSizeOf(config: JsonObject): number {
  if (typeof config.head_dim === "number") return config.head_dim;
  const [width, heads] = [config.hidden_size ?? config.n_embd, config.num_attention_heads ?? config.n_head];
  if (typeof width !== "number" || typeof heads !== "number") throw missing("num_attention_heads");
  return width / heads;
}

function missing(key: string): RetemperError {
  return new RetemperError("INCOMPATIBLE", `a GGUF file must say what config.json calls ${key}, which it lacks`, {
    hint: "add it to config.json of the model that gives the configuration",
  });
}

/** How the model is to be sampled, where it says so. */
function sampling(generation: JsonObject): GgufEntry[] {
  const { top_k, top_p, min_p, temperature } = generation;
  const floats = { "general.sampling.top_p": top_p, "general.sampling.min_p": min_p };
  return [
    ...(typeof top_k === "number" ? [{ key: "general.sampling.top_k", type: "i32", value: top_k } as const] : []),
    ...Object.entries({ ...floats, "general.sampling.temp": temperature }).flatMap(([key, value]): GgufEntry[] => {
      return typeof value === "number" ? [{ key, type: "f32", value }] : [];
    }),
  ];
}

/** "135M", "1.5B": at least two digits. */
function sizeLabel(parameters: number): string {
  const [scale, unit] = (
    [
      [1e12, "T"],
      [1e9, "B"],
      [1e6, "M"],
    ] as const
  ).find(([least]) => parameters > least) ?? [1e3, "K"];
  const scaled = parameters / scale;
  const whole = String(Math.round(scaled)).replace(/^0+/, "");
  return `${scaled.toFixed(Math.max(2 - whole.length, 0))}${unit}`;
}
