// Rotary positions in the metadata: the base, the kind of scaling, and the factors of each frequency as vectors.

import type { JsonObject } from "../../../checkpoint/json.js";
import { RetemperError } from "../../../errors.js";
import type { GgufEntry, GgufVector } from "../../../plan/gguf/container.js";

export interface RopeWords {
  /** rope_parameters or rope_scaling, of the layers that see everything; {} where there is neither. */
  readonly own: JsonObject;
  readonly theta: number;
  /** Rotated dimensions of a head. */
  readonly rotated: number;
}

const DEFAULT_THETA = 10_000;

/** @param config of the language model */
export function ropeWords(config: JsonObject, headSize: number): RopeWords {
  const given = (config.rope_scaling ?? config.rope_parameters ?? {}) as JsonObject;
  const parameters = (config.rope_parameters ?? {}) as JsonObject;
  const own = (given.full_attention ?? given) as JsonObject;
  const full = (parameters.full_attention ?? parameters) as JsonObject;
  const theta = Number(own.rope_theta ?? full.rope_theta ?? config.rope_theta ?? DEFAULT_THETA);
  const partial = Number(own.partial_rotary_factor ?? full.partial_rotary_factor ?? config.partial_rotary_factor ?? 1);
  return { own, theta, rotated: Math.floor(headSize * partial) };
}

/** @throws RetemperError INCOMPATIBLE for a kind of scaling that llama.cpp does not have. */
export function ropeScaling(
  architecture: string,
  { own, theta, rotated }: RopeWords,
  config: JsonObject,
): { readonly entries: readonly GgufEntry[]; readonly vectors: readonly GgufVector[] } {
  const kind = String(own.rope_type ?? own.type ?? "default").toLowerCase();
  const number = (key: string, fallback: number) => Number(own[key] ?? config[key] ?? fallback);
  const context = number("max_position_embeddings", 0);
  const original = number("original_max_position_embeddings", context);
  const text = (value: string): GgufEntry => ({ key: `${architecture}.rope.scaling.type`, type: "string", value });
  const value = (key: string, of: number): GgufEntry => {
    return { key: `${architecture}.rope.scaling.${key}`, type: "f32", value: of };
  };
  const originalContext: GgufEntry = {
    ...{ key: `${architecture}.rope.scaling.original_context_length`, type: "u32", value: original },
  };
  switch (kind) {
    case "default":
    case "dynamic": // which starts beyond the model's longest context
      return { entries: [], vectors: [] };
    case "linear":
      return { entries: [text("linear"), value("factor", number("factor", 1))], vectors: [] };
    case "yarn": {
      const entries = [text("yarn"), value("factor", number("factor", context / original)), originalContext];
      return { entries, vectors: [] };
    }
    case "llama3":
      return {
        entries: [],
        vectors: [{ name: "rope_freqs.weight", values: llama3Factors(own, theta, rotated, original) }],
      };
    case "longrope":
    case "su":
      return longRope(architecture, own, context, original, rotated);
    default:
      throw new RetemperError("INCOMPATIBLE", `llama.cpp has no scaling of rotary positions called ${kind}`, {
        hint: "write safetensors",
      });
  }
}

/** What each frequency is divided by (Llama 3.1): long waves by `factor`, short ones by 1, those between by a ramp. */
function llama3Factors(own: JsonObject, theta: number, rotated: number, original: number): number[] {
  const factor = Number(own.factor ?? 8);
  const low = Number(own.low_freq_factor ?? 1);
  const high = Number(own.high_freq_factor ?? 4);
  const context = own.original_max_position_embeddings === undefined ? 8192 : original;
  return Array.from({ length: rotated / 2 }, (_, i) => {
    const wave = 2 * Math.PI * theta ** ((2 * i) / rotated);
    if (wave < context / high) return 1;
    if (wave > context / low) return factor;
    const smooth = (context / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** Phi 3's: factors of long and of short texts, and what attention is scaled by. */
function longRope(architecture: string, own: JsonObject, context: number, original: number, rotated: number) {
  const [long, short] = [own.long_factor, own.short_factor];
  const isList = (list: unknown): list is number[] => Array.isArray(list) && list.length === rotated / 2;
  if (!isList(long) || !isList(short)) {
    throw new RetemperError("INCOMPATIBLE", `long_factor and short_factor must have ${rotated / 2} numbers each`, {
      hint: "check rope_scaling in config.json",
    });
  }
  const scale = context / original;
  const attention = scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1;
  const key = `${architecture}.rope.scaling.attn_factor`;
  return {
    entries: [{ key, type: "f32", value: attention } as const],
    vectors: [
      { name: "rope_factors_long.weight", values: long },
      { name: "rope_factors_short.weight", values: short },
    ],
  };
}
