// config.json of a GGUF file: what its metadata says, in the words of transformers.

import { RetemperError } from "../../../errors.js";
import { type RopeTensors, ropeScalingOf, shortFloat } from "./families/ropeScaling.js";
import type { Config, GgufFamily, GgufMetadata, GgufValue } from "./families/types.js";

export interface ConfigFacts {
  readonly family: GgufFamily;
  readonly metadata: GgufMetadata;
  /** Shapes by the checkpoint's names. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly rope: RopeTensors;
  /** The dtype that most values decode to, as config.json names it. */
  readonly dtype: string;
  readonly file: string;
}

/** @throws RetemperError BAD_INPUT for numbers that are missing or impossible, and for rope scaling that is not known */
export function ggufConfig({ family, metadata, shapes, rope, dtype, file }: ConfigFacts): Config {
  const prefix = `${family.architecture}.`;
  const [type = ""] = family.modelTypes;
  const config: Record<string, unknown> = { architectures: [family.classes[type]], model_type: type, ...family.fixed };
  for (const { key, config: name, type: kind, required } of family.keys) {
    const value = metadata.get(prefix + key);
    if (value === undefined && !required) continue;
    config[name] ??= undefined;
    config[name] = numberOf(value, prefix + key, kind, file);
  }
  const heads = config.num_attention_heads;
  if (heads !== undefined) config.num_key_value_heads ??= heads;
  const rows = [...shapes].find(([name]) => /(embed_tokens|wte)\.weight$/.test(name))?.[1][0];
  if (rows !== undefined) config.vocab_size = rows;
  config.tie_word_embeddings = !shapes.has("lm_head.weight");
  if (family.architecture === "llama") {
    const has = (suffix: string) => [...shapes.keys()].some((name) => name.endsWith(suffix));
    config.attention_bias = has("q_proj.bias");
    config.mlp_bias = has("gate_proj.bias");
  }
  Object.assign(config, family.derived?.(config, metadata));
  const theta = typeof config.rope_theta === "number" ? config.rope_theta : 10000;
  if (shapes.has("model.embed_tokens.weight")) config.rope_theta = theta;
  const scaling = ropeScalingOf(metadata, prefix, rope, theta);
  if (scaling === null) {
    throw new RetemperError("BAD_INPUT", "the file scales rotary positions in a way that is not known here", {
      file,
      hint: `Put the file into a folder with the model's own config.json, and name the folder. The file says ${prefix}rope.scaling.type ${String(metadata.get(`${prefix}rope.scaling.type`))}.`,
    });
  }
  if (scaling) config.rope_scaling = scaling;
  for (const [name, key] of TOKENS) {
    const id = metadata.get(`tokenizer.ggml.${key}_token_id`);
    if (typeof id === "number") config[name] = id;
  }
  config.torch_dtype = dtype;
  return config as Config;
}

/** Special tokens of config.json, and how the metadata calls them. */
export const TOKENS = [
  ["bos_token_id", "bos"],
  ["eos_token_id", "eos"],
  ["pad_token_id", "padding"],
] as const;

function numberOf(value: GgufValue | undefined, key: string, kind: "u32" | "f32", file: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return kind === "f32" ? shortFloat(value) : value;
  const what = value === undefined ? "is missing" : typeof value === "object" ? "is a list" : `is ${String(value)}`;
  throw new RetemperError("BAD_INPUT", `the metadata key ${key} ${what}; it must be one number`, {
    file,
    hint: "Models whose layers differ in these numbers are not read.",
  });
}
