// Rope scaling in both directions. Llama 3's is not in the metadata: GGUF has the factor of each frequency as a tensor,
// from which the numbers of config.json are found again; Phi 3's factors are tensors as well.

import { longRopeAttention, yarnAttention } from "../../../ropeAttention.js";
import type { Config, GgufMetadata } from "./types.js";

/** rope_scaling of Llama 3.1. */
export interface Llama3Scaling {
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/** What each frequency of a head is divided by (rope_freqs.weight), as llama.cpp's converter computes it. */
export function llama3Factors(scaling: Llama3Scaling, theta: number, headDim: number): Float32Array {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    // The frequencies are float32 there (torch), and what follows is float64.
    const frequency = Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / headDim)));
    const wave = (2 * Math.PI) / frequency;
    if (wave < context / high) return 1;
    if (wave > context / low) return factor;
    const smooth = (context / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

const CONTEXTS = [8192, 4096, 16384, 32768, 2048, 1024, 512, 256, 128, 64, 65536, 131072];
/** The tensor is a computation's result, so that a last bit may differ. */
const CLOSE = 1e-5;

/**
 * The numbers whose factors these are; undefined where none are found. The published models' (1, 4, 8192) are tried first.
 */
export function llama3ScalingOf(factors: Float32Array, theta: number): Llama3Scaling | undefined {
  const factor = factors.reduce((most, value) => Math.max(most, value), 1);
  for (const context of CONTEXTS) {
    const scaling: Llama3Scaling = {
      ...{ factor: Math.round(factor * 1e6) / 1e6, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: context,
    };
    const made = llama3Factors(scaling, theta, 2 * factors.length);
    if (made.every((value, i) => Math.abs(value - (factors[i] as number)) <= CLOSE * value)) return scaling;
  }
  return undefined;
}

/** The factors that lie in tensors of a file. */
export interface RopeTensors {
  readonly freqs?: Float32Array;
  readonly long?: Float32Array;
  readonly short?: Float32Array;
}

/**
 * rope_scaling of config.json; undefined where nothing is scaled, null where what the file has cannot be said there.
 * @param prefix the architecture and a dot
 */
export function ropeScalingOf(
  metadata: GgufMetadata,
  prefix: string,
  { freqs, long, short }: RopeTensors,
  theta: number,
): Config | undefined | null {
  const number = (key: string) => {
    const value = metadata.get(`${prefix}rope.scaling.${key}`);
    return typeof value === "number" ? value : undefined;
  };
  const original = number("original_context_length");
  if (long && short) {
    const attention = number("attn_factor");
    const context = metadata.get(`${prefix}context_length`);
    const known = attention !== undefined && !isLongRopes(attention, context, original);
    return {
      ...{ rope_type: "longrope", long_factor: [...long].map(shortFloat), short_factor: [...short].map(shortFloat) },
      ...(known && { attention_factor: shortFloat(attention) }),
      ...(original !== undefined && prefix !== "phi3." && { original_max_position_embeddings: original }),
    };
  }
  if (freqs?.some((value) => value !== 1)) {
    const found = llama3ScalingOf(freqs, theta);
    return found ? { rope_type: "llama3", ...found } : null;
  }
  const type = metadata.get(`${prefix}rope.scaling.type`);
  const old = metadata.get(`${prefix}rope.scale_linear`);
  if (type === undefined && typeof old === "number" && old !== 1)
    return { rope_type: "linear", factor: shortFloat(old) };
  if (type === undefined || type === "none") return undefined;
  const factor = number("factor");
  if (type === "linear" && factor !== undefined) return { rope_type: "linear", factor: shortFloat(factor) };
  if (type !== "yarn" || factor === undefined) return null;
  const [fast, slow] = [number("yarn_beta_fast"), number("yarn_beta_slow")];
  // llama.cpp multiplies its own number by attn_factor, where config.json has the product.
  const beside = number("attn_factor");
  const attention = number("yarn_attn_factor") ?? (beside && beside * yarnAttention(factor));
  return {
    ...{ rope_type: "yarn", factor: shortFloat(factor) },
    ...(original !== undefined && { original_max_position_embeddings: original }),
    ...(fast !== undefined && { beta_fast: shortFloat(fast) }),
    ...(slow !== undefined && { beta_slow: shortFloat(slow) }),
    ...(attention !== undefined && { attention_factor: shortFloat(attention) }),
  };
}

/** Whether it is the number that follows from the contexts, which config.json does not say. */
function isLongRopes(attention: number, context: unknown, original: number | undefined): boolean {
  if (typeof context !== "number" || original === undefined) return false;
  return Math.abs(attention / longRopeAttention(context / original, original) - 1) < 1e-6;
}

/** The shortest decimal that is this float32: config.json says 1e-5, the file its float32. */
export function shortFloat(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
