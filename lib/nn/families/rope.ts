// Rotary embedding from a configuration: both spellings (rope_theta with rope_scaling; transformers 5's rope_parameters,
// plain or by layer type) and the kinds of scaling. Frequencies are computed in float32, step by step, as transformers does.

import { longRopeAttention, yarnAttention } from "../../checkpoint/ropeAttention.js";
import type { Rope } from "../ops/specs.js";
import { ConfigReader } from "./configReader.js";

export interface RopeRequest {
  readonly headDim: number;
  readonly maxPositions: number;
  /** Where parameters are given by layer type. */
  readonly layerType: "full_attention" | "sliding_attention";
  /** What the configuration's parameters stand for: those of all layers, or Gemma 3's of one type. */
  readonly scaled: boolean;
  /** The key of the base where there are no newer parameters. */
  readonly thetaKey: string;
  /** Other names of a kind, in this family. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
}

interface Parameters extends RopeRequest {
  readonly settings: ConfigReader;
  /** rope_parameters or rope_scaling; empty where there is neither. */
  readonly own: ConfigReader;
  readonly theta: number;
  /** Rotated dimensions of a head. */
  readonly rotary: number;
}

type Scaling = (parameters: Parameters) => Rope;

const SCALINGS: Readonly<Record<string, Scaling>> = {
  default: plain,
  // positions of text are the same on all of mrope's axes; dynamic scaling starts beyond the model's longest context
  mrope: plain,
  dynamic: plain,
  linear: ({ own, ...rest }) => unscaledMagnitude(frequencies(rest).map((f) => f / own.positive("factor"))),
  llama3,
  yarn,
  longrope: longRope,
};

const f32 = Math.fround;

/**
 * The rope of a layer type.
 * @throws RetemperError BAD_INPUT for a kind that is not known, or parameters that cannot be.
 */
export function ropeOf(settings: ConfigReader, request: RopeRequest): Rope {
  const given = settings.optionalObject("rope_scaling") ?? settings.optionalObject("rope_parameters");
  const isNested = ["full_attention", "sliding_attention"].some((type) => given?.optionalObject(type));
  const found = isNested ? given?.optionalObject(request.layerType) : request.scaled ? given : undefined;
  const own = found ?? new ConfigReader({}, settings.file);
  const theta = own.optionalPositive("rope_theta") ?? settings.positive(request.thetaKey);
  const partialKey = "partial_rotary_factor";
  const partial = own.optionalPositive(partialKey) ?? settings.optionalPositive(partialKey) ?? 1;
  const rotary = Math.floor(request.headDim * partial);
  if (rotary % 2 !== 0 || rotary < 2 || rotary > request.headDim) {
    throw settings.error("head_dim", `${request.headDim} with ${partialKey} ${partial} leaves no pairs to rotate`);
  }
  const named = own.optionalText("rope_type") ?? own.optionalText("type") ?? "default";
  const kind = request.aliases?.[named] ?? named;
  const scaling = Object.hasOwn(SCALINGS, kind) ? SCALINGS[kind] : undefined;
  if (!scaling) {
    const known = `Known are ${Object.keys(SCALINGS).join(", ")}.`;
    throw settings.error("rope_type", `${JSON.stringify(named.slice(0, 40))} is not known`, known);
  }
  return scaling({ ...request, settings, own, theta, rotary });
}

function unscaledMagnitude(inverseFrequencies: Float32Array): Rope {
  return { inverseFrequencies, magnitude: 1 };
}

function plain(parameters: Parameters): Rope {
  return unscaledMagnitude(frequencies(parameters));
}

/** 1 / theta^(2i / rotary) (Su et al. 2021). */
function frequencies({ theta, rotary }: Pick<Parameters, "theta" | "rotary">): Float32Array {
  return Float32Array.from({ length: rotary / 2 }, (_, i) => 1 / power(theta, i, rotary));
}

/** theta^(2i / rotary), the exponent and the power in float32. */
function power(theta: number, i: number, rotary: number): number {
  return f32(f32(theta) ** f32((2 * i) / rotary));
}

/** Llama 3.1: long waves are stretched by `factor`, short ones stay, those between are interpolated. */
function llama3({ own, settings, maxPositions, ...rest }: Parameters): Rope {
  const factor = own.positive("factor");
  const low = own.positive("low_freq_factor");
  const high = own.positive("high_freq_factor");
  const context = originalContext(own, settings, maxPositions);
  const scaled = frequencies(rest).map((frequency) => {
    const wave = f32((2 * Math.PI) / frequency);
    if (wave > context / low) return frequency / factor;
    if (wave < context / high) return frequency;
    const smooth = f32(f32(f32(context / wave) - low) / (high - low));
    return f32(f32(f32(1 - smooth) * frequency) / factor) + f32(smooth * frequency);
  });
  return unscaledMagnitude(scaled);
}

/** YaRN (Peng et al. 2023): interpolates the dimensions that turn rarely within the original context, by a linear ramp. */
function yarn({ own, settings, maxPositions, theta, rotary }: Parameters): Rope {
  const context = originalContext(own, settings, maxPositions);
  const factor = own.optionalPositive("factor") ?? maxPositions / context;
  const turnsAt = (turns: number) => (rotary * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const exact = own.value("truncate") === false;
  const first = turnsAt(own.optionalPositive("beta_fast") ?? 32);
  const last = turnsAt(own.optionalPositive("beta_slow") ?? 1);
  const begin = Math.max(exact ? first : Math.floor(first), 0);
  const end = Math.min(exact ? last : Math.ceil(last), rotary - 1);
  const width = begin === end ? 0.001 : end - begin;
  const inverseFrequencies = Float32Array.from({ length: rotary / 2 }, (_, i) => {
    const ramp = f32(Math.min(Math.max(f32((i - begin) / width), 0), 1));
    const slow = f32(1 / f32(factor * power(theta, i, rotary)));
    const fast = f32(1 / power(theta, i, rotary));
    return f32(slow * ramp) + f32(fast * f32(1 - ramp));
  });
  const some = own.optionalPositive("mscale");
  const all = own.optionalPositive("mscale_all_dim");
  const inferred =
    some !== undefined && all !== undefined
      ? yarnAttention(factor, some) / yarnAttention(factor, all)
      : yarnAttention(factor);
  return { inverseFrequencies, magnitude: own.optionalPositive("attention_factor") ?? inferred };
}

/** LongRoPE (Ding et al. 2024), as Phi 3 has it: a factor for each frequency, others beyond the original context. */
function longRope({ own, settings, maxPositions, theta, rotary }: Parameters): Rope {
  const context = originalContext(own, settings, maxPositions);
  const factor = own.optionalPositive("factor") ?? maxPositions / context;
  const scaled = (key: string) => {
    const factors = own.positives(key);
    if (factors.length !== rotary / 2) {
      throw own.error(key, `holds ${factors.length} numbers; the heads have ${rotary / 2} pairs of rotated dimensions`);
    }
    return Float32Array.from(factors, (item, i) => 1 / f32(f32(item) * power(theta, i, rotary)));
  };
  const inferred = longRopeAttention(factor, context);
  return {
    inverseFrequencies: scaled("short_factor"),
    magnitude: own.optionalPositive("attention_factor") ?? inferred,
    long: { from: context, inverseFrequencies: scaled("long_factor") },
  };
}

/** The context before scaling. Phi 3 writes it beside the parameters, and then that counts. */
function originalContext(own: ConfigReader, settings: ConfigReader, maxPositions: number): number {
  const key = "original_max_position_embeddings";
  return settings.optionalSize(key) ?? own.optionalSize(key) ?? maxPositions;
}
