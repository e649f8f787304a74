// All families, and names of tensors in both directions.

import { GEMMA, GEMMA2, GEMMA3 } from "./gemma.js";
import { GPT2 } from "./gpt2.js";
import { LLAMA } from "./llama.js";
import { PHI3 } from "./phi3.js";
import { QWEN2, QWEN3 } from "./qwen.js";
import type { GgufChange, GgufFamily, GgufModule } from "./types.js";

export const GGUF_FAMILIES: readonly GgufFamily[] = [LLAMA, QWEN2, QWEN3, GEMMA, GEMMA2, GEMMA3, PHI3, GPT2];

/** By general.architecture of a file; undefined for one that is not known. */
export function familyOfArchitecture(architecture: string): GgufFamily | undefined {
  return GGUF_FAMILIES.find((family) => family.architecture === architecture);
}

/** By model_type of config.json; undefined for one that is not known. */
export function familyOfModelType(modelType: string): GgufFamily | undefined {
  return GGUF_FAMILIES.find(({ modelTypes }) => modelTypes.includes(modelType));
}

export interface OtherName {
  readonly name: string;
  /** How the values in the GGUF file differ; none for biases of modules whose weights are turned. */
  readonly change: GgufChange;
}

/** The GGUF name of a tensor of a checkpoint; undefined where the family has no such tensor. */
export function ggufName(family: GgufFamily, name: string): OtherName | undefined {
  return translate(family, name, "hf", "gguf");
}

/** The checkpoint's name of a tensor of a GGUF file; undefined where the family has no such tensor. */
export function hfName(family: GgufFamily, name: string): OtherName | undefined {
  return translate(family, name, "gguf", "hf");
}

/** Names of tensors beside the modules that the metadata of a family is about, and that are no weights. */
export const ROPE_TENSORS = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"] as const;

type Side = "hf" | "gguf";
const TABLES = new Map<GgufFamily, Readonly<Record<Side, ReadonlyMap<string, GgufModule>>>>();

function translate(family: GgufFamily, name: string, from: Side, to: Side): OtherName | undefined {
  const suffix = /\.(weight|bias)$/.exec(name)?.[0];
  if (suffix === undefined) return undefined;
  const stem = name.slice(0, -suffix.length);
  const layer = /^(.*?\.)(0|[1-9]\d{0,5})(\..*)$/.exec(stem);
  const module = tableOf(family)[from].get(layer ? `${layer[1]}{n}${layer[3]}` : stem);
  if (!module) return undefined;
  const { change = {} } = module;
  // A bias is a vector: it has rows to interleave, and nothing to turn.
  const { transposed: _, ...ofBias } = change;
  return {
    name: `${module[to].replace("{n}", layer?.[2] ?? "")}${suffix}`,
    change: suffix === ".bias" ? ofBias : change,
  };
}

function tableOf(family: GgufFamily) {
  let table = TABLES.get(family);
  if (!table) {
    const by = (side: Side) => new Map(family.modules.map((module) => [module[side], module]));
    table = { hf: by("hf"), gguf: by("gguf") };
    TABLES.set(family, table);
  }
  return table;
}
