// Rotary positions in the metadata: the base, the kind of scaling, and the factors of each frequency as vectors.

import type { JsonObject } from "../../../checkpoint/json.js";
import { longRopeAttention, yarnAttention } from "../../../checkpoint/ropeAttention.js";
import { RetemperError } from "../../../errors.js";
import type { GgufEntry, GgufVector } from "../../../plan/gguf/container.js";

export interface RopeWords {
  /** rope_parameters or rope_scaling, of the layers that see everything; {} where there is neither. */
  readonly own: JsonObject;
  readonly theta: number;
  /** The base in layers with a window, where they have one of their own. */
  readonly local?: number;
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
  const windowed = parameters.sliding_attention as JsonObject | undefined;
  const local = windowed?.rope_theta ?? config.rope_local_base_freq;
  return { own, theta, rotated: Math.floor(headSize * partial), ...(typeof local === "number" && { local }) };
}

export interface RopeScaling {
  readonly entries: readonly GgufEntry[];
  readonly vectors: readonly GgufVector[];
}

/** Architectures for which llama.cpp reads factors of each frequency; a file with them is no model of another. */
const WITH_FACTORS: Readonly<Record<"llama3" | "longrope", readonly string[]>> = {
  llama3: ["llama"],
  longrope: ["llama", "phi3"],
};

/** @throws RetemperError INCOMPATIBLE for a kind of scaling that llama.cpp does not have. */
export function ropeScaling(architecture: string, words: RopeWords, config: JsonObject): RopeScaling {
  const { own, theta, rotated } = words;
  const named = String(own.rope_type ?? own.type ?? "default").toLowerCase();
  // Phi 3's first checkpoints call long rope by its older names.
  const kind = named === "su" || (architecture === "phi3" && named === "yarn") ? "longrope" : named;
  const number = (key: string, fallback: number) => Number(own[key] ?? config[key] ?? fallback);
  const context = number("max_position_embeddings", 0);
  // Phi 3 writes it beside the parameters, and then that counts.
  const original = Number(config.original_max_position_embeddings ?? own.original_max_position_embeddings ?? context);
  if ((kind === "llama3" || kind === "longrope") && !WITH_FACTORS[kind].includes(architecture)) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `llama.cpp does not scale rotary positions of ${architecture} by ${named}`,
      {
        hint: "write safetensors",
      },
    );
  }
  const entries = scalingEntries(architecture, original);
  switch (kind) {
    case "default":
    case "dynamic": // which starts beyond the model's longest context
      return { entries: [], vectors: [] };
    case "linear":
      return { entries: [entries.type("linear"), entries.float("factor", number("factor", 1))], vectors: [] };
    case "yarn":
      return { entries: yarnEntries(own, number("factor", context / original), entries), vectors: [] };
    case "llama3":
      return {
        entries: [],
        vectors: [{ name: "rope_freqs.weight", values: llama3Factors(own, theta, rotated, original) }],
      };
    case "longrope": {
      const inferred = longRopeAttention(number("factor", context / original), original);
      const attention = typeof own.attention_factor === "number" ? own.attention_factor : inferred;
      return {
        entries: [
          ...(architecture === "phi3" ? [] : [entries.type("longrope"), entries.context]),
          entries.float("attn_factor", attention),
        ],
        vectors: longRopeVectors(own, rotated),
      };
    }
    default:
      throw new RetemperError("INCOMPATIBLE", `llama.cpp has no scaling of rotary positions called ${kind}`, {
        hint: "write safetensors",
      });
  }
}

function scalingEntries(architecture: string, original: number) {
  const prefix = `${architecture}.rope.scaling.`;
  return {
    type: (value: string): GgufEntry => ({ key: `${prefix}type`, type: "string", value }),
    float: (key: string, value: number): GgufEntry => ({ key: prefix + key, type: "f32", value }),
    context: { key: `${prefix}original_context_length`, type: "u32", value: original } satisfies GgufEntry,
  };
}
type ScalingEntries = ReturnType<typeof scalingEntries>;

/** As the converter names them. */
const YARN_NUMBERS = [
  ["extrapolation_factor", "yarn_ext_factor"],
  ["attention_factor", "yarn_attn_factor"],
  ["beta_fast", "yarn_beta_fast"],
  ["beta_slow", "yarn_beta_slow"],
] as const;

/**
 * The converter's entries. llama.cpp does not go by yarn_attn_factor: it scales by 0.1 ln(factor) + 1, and by attn_factor,
 * which says here what a model's own number has beside that.
 */
function yarnEntries(own: JsonObject, factor: number, { type, float, context }: ScalingEntries): GgufEntry[] {
  const { mscale, mscale_all_dim: all } = own;
  const both = typeof mscale === "number" && typeof all === "number";
  const inferred =
    both && mscale && all ? yarnAttention(factor, mscale) / yarnAttention(factor, all) : yarnAttention(factor);
  const attention = typeof own.attention_factor === "number" ? own.attention_factor : inferred;
  const beside = attention / yarnAttention(factor);
  return [
    type("yarn"),
    float("factor", factor),
    context,
    ...YARN_NUMBERS.flatMap(([from, key]) => {
      const value = own[from];
      return typeof value === "number" ? [float(key, value)] : [];
    }),
    ...(Math.abs(beside - 1) > 1e-6 ? [float("attn_factor", beside)] : []),
  ];
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

/** Phi 3's factors of long and of short texts. */
function longRopeVectors(own: JsonObject, rotated: number): GgufVector[] {
  const [long, short] = [own.long_factor, own.short_factor];
  const isList = (list: unknown): list is number[] => Array.isArray(list) && list.length === rotated / 2;
  if (!isList(long) || !isList(short)) {
    throw new RetemperError("INCOMPATIBLE", `long_factor and short_factor must have ${rotated / 2} numbers each`, {
      hint: "check rope_scaling in config.json",
    });
  }
  return [
    { name: "rope_factors_long.weight", values: long },
    { name: "rope_factors_short.weight", values: short },
  ];
}
